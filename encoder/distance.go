package encoder

import "math"

// How distances between tokens share rows of a table. The reference libraries compute in float32, and where a bucket
// ends depends on it; so does this.

// relativeDistance is the largest one that RelativeBuckets tell from larger ones.
const relativeDistance = 128

// relativeBucket returns the bucket, of so many, of a key so far behind the query: half of them are for keys before it,
// and in each half the first half for distances of their own (Raffel et al. 2020, "T5"; as MPNet has it).
func relativeBucket(distance, buckets int) int {
	half, base := buckets/2, 0
	if distance > 0 {
		base = half
	}
	n := max(distance, -distance)
	exact := half / 2
	if n < exact {
		return base + n
	}
	x := log32(float32(n)/float32(exact)) / float32(math.Log(relativeDistance/float64(exact))) * float32(half-exact)
	return base + min(exact+int(x), half-1)
}

// row returns the row of a key so far before the query (He et al. 2021, "DeBERTaV3").
func (d *Disentangled) row(distance int) int {
	return min(max(d.bucket(distance)+d.Span, 0), 2*d.Span-1)
}

func (d *Disentangled) bucket(distance int) int {
	middle := d.Buckets / 2
	n := max(distance, -distance)
	if d.Buckets == 0 || n <= middle {
		return distance
	}
	x := log32(float32(n)/float32(middle)) / log32(float32(d.MaxDistance-1)/float32(middle)) * float32(middle-1)
	far := int(math.Ceil(float64(x))) + middle
	if distance < 0 {
		return -far
	}
	return far
}

func log32(x float32) float32 { return float32(math.Log(float64(x))) }
