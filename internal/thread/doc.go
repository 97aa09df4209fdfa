// Package thread numbers the operating system's threads and binds them to CPUs, where the system
// can.
package thread
