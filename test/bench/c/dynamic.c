/*
 * dynamic FIFO: as child.c, but with the C library, and so after the work of the dynamic loader.
 */
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct timespec now;
	long long ns;

	clock_gettime(CLOCK_MONOTONIC, &now);
	ns = now.tv_sec * 1000000000LL + now.tv_nsec;
	return argc != 2 || write(open(argv[1], O_WRONLY), &ns, sizeof ns) != sizeof ns;
}
