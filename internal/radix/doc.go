// Package radix has the sequential parts of a radix sort of numbers: the order-preserving keys of
// all integer and floating-point types, the two loops that distribute elements by one digit, and a
// sort of a piece that fits in a processor's cache. Package parallel builds its sort of them.
//
// The functions see the numbers as unsigned integers of the same size: see [View]. So one instance
// for each size serves all types, also those that a program names.
package radix
