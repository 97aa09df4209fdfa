package parallel

import "cmp"

// mergeOrdered merges the sorted a and b into out. The loop chooses between two values and between
// two steps, and the compiler makes conditional moves of these choices. A branch would be
// mispredicted about every other time.
func mergeOrdered[T cmp.Ordered](a, b, out []T) {
	i, j := 0, 0
	for i < len(a) && j < len(b) {
		x, y := a[i], b[j]
		step := 0
		if cmp.Less(y, x) {
			x = y
			step = 1
		}
		out[i+j] = x
		j += step
		i += 1 - step
	}
	copy(out[i+j:], a[i:])
	copy(out[i+j+len(a)-i:], b[j:])
}

func mergeFunc[T any](a, b, out []T, compare func(a, b T) int) {
	k := 0
	for len(a) > 0 && len(b) > 0 {
		if compare(b[0], a[0]) < 0 {
			out[k] = b[0]
			b = b[1:]
		} else {
			out[k] = a[0]
			a = a[1:]
		}
		k++
	}
	copy(out[k+copy(out[k:], a):], b)
}
