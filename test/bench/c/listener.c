/*
 * listener INTERFACE PROGRAM FIFO: runs PROGRAM FIFO each time the interface comes up, by what hookd(8) calls up.
 * It is the least that a program can do for that. "ready" on standard output says that it listens.
 */
#include <linux/if.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern unsigned if_nametoindex(const char *name); /* <net/if.h> does not go with <linux/if.h> */

/* Whether a message says that the interface is up; -1 when it speaks of something else. */
static int up(struct nlmsghdr *message, int index)
{
	struct ifinfomsg *link = NLMSG_DATA(message);
	int left = IFLA_PAYLOAD(message);
	int state = IF_OPER_UNKNOWN;

	if (message->nlmsg_type != RTM_NEWLINK || link->ifi_index != index)
		return -1;
	for (struct rtattr *a = IFLA_RTA(link); RTA_OK(a, left); a = RTA_NEXT(a, left))
		if (a->rta_type == IFLA_OPERSTATE)
			state = *(unsigned char *)RTA_DATA(a);
	return state == IF_OPER_UP || (state == IF_OPER_UNKNOWN && link->ifi_flags & IFF_UP && link->ifi_flags & IFF_LOWER_UP);
}

static void run(char **argv)
{
	char *environment[] = { NULL };
	pid_t pid = vfork();

	if (pid == 0) {
		execve(argv[0], argv, environment);
		_exit(127);
	}
	waitpid(pid, NULL, 0);
}

int main(int argc, char **argv)
{
	static char buffer[65536] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct sockaddr_nl links = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
	int index = argc == 4 ? if_nametoindex(argv[1]) : 0;
	int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	int was = 0;

	if (index == 0 || bind(netlink, (struct sockaddr *)&links, sizeof links) != 0 || puts("ready") < 0 || fflush(stdout) != 0) {
		perror("listener");
		return 1;
	}
	for (;;) {
		int left = recv(netlink, buffer, sizeof buffer, 0);

		if (left < 0 && errno != EINTR) {
			perror("listener");
			return 1;
		}
		for (struct nlmsghdr *m = (void *)buffer; NLMSG_OK(m, left); m = NLMSG_NEXT(m, left)) {
			int is = up(m, index);

			if (is == 1 && !was)
				run(argv + 2);
			was = is < 0 ? was : is;
		}
	}
}
