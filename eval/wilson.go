package eval

import "math"

// Wilson returns the 95 % interval of a share of n independent trials (Wilson 1927, "Probable Inference, the Law of
// Succession, and Statistical Inference"), which holds for few trials and for shares of 0 and 1 as well.
func Wilson(share float64, n int) Interval {
	if n == 0 {
		return Interval{0, 1}
	}
	const z = 1.959964
	trials := float64(n)
	middle := (share + z*z/(2*trials)) / (1 + z*z/trials)
	half := z / (1 + z*z/trials) * math.Sqrt(share*(1-share)/trials+z*z/(4*trials*trials))
	return Interval{max(middle-half, 0), min(middle+half, 1)}
}
