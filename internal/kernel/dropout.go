package kernel

import "math"

// Dropout is a mask of random numbers that are functions of the key and the position alone, so that a mask need not be
// stored, and neither the variant nor the number of workers matters (Srivastava et al. 2014).
type Dropout struct {
	Key   uint64
	Limit uint32  // of 2³²: positions whose bits are below it are dropped
	Scale float32 // of those that are kept
}

// NewDropout returns the mask of a key, which may be near others, that drops a share p of [0, 1) and makes up for it.
func NewDropout(key uint64, p float64) Dropout {
	key = (key ^ key>>30) * 0xbf58476d1ce4e5b9 // the finaliser of SplitMix64 (Steele, Lea, Flood 2014)
	key = (key ^ key>>27) * 0x94d049bb133111eb
	key ^= key >> 31
	limit := math.Round(p * (1 << 32))
	return Dropout{Key: key, Limit: uint32(min(limit, 1<<32-1)), Scale: float32(1 / (1 - limit/(1<<32)))}
}

// Apply sets dst to the masked src, or with add adds that to dst. The first number is at position first, counted modulo
// 2³²; dst may be src.
func (d Dropout) Apply(dst, src []float32, first int, add bool) {
	dst = dst[:len(src)]
	if dropoutFast(current, d, dst, src, uint32(first), add) {
		return
	}
	for i, v := range src {
		if v *= d.Scale; d.bits(uint32(first+i)) < d.Limit {
			v = 0
		}
		if add {
			v += dst[i]
		}
		dst[i] = v
	}
}

// bits scatters a position: two rounds of a multiplication and a shift, as integer hashes have them, with half of the
// key before each. The upper bits, which decide, depend on all of the position.
func (d Dropout) bits(position uint32) uint32 {
	x := position + uint32(d.Key)
	x = (x ^ x>>16) * 0x7feb352d
	return (x ^ x>>15 ^ uint32(d.Key>>32)) * 0x846ca68b
}
