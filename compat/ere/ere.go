// Package ere matches POSIX extended regular expressions as glibc does in the C locale, on bytes.
package ere
