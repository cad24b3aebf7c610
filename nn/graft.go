package nn

// Graft copies an array of shape from over the first rows and columns of one of shape to, which has as many dimensions,
// none of them smaller: what was learnt before a layer grew.
func Graft(dst []float32, to []int, src []float32, from []int) {
	if len(from) == 0 {
		dst[0] = src[0]
		return
	}
	if size(from[1:]) == size(to[1:]) { // rows lie as they did
		copy(dst, src[:size(from)])
		return
	}
	for i := range from[0] {
		Graft(dst[i*size(to[1:]):], to[1:], src[i*size(from[1:]):], from[1:])
	}
}
