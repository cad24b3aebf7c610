package near

import (
	"math"
	"math/rand/v2"
)

// plan is how a signature is cut: two texts meet when all rows of one band agree.
type plan struct{ bands, rows int }

const (
	wantedRecall = 0.995 // chance that two texts meet whose similarity is the threshold itself
	maxRows      = 12
	maxBands     = 80
)

// chance is the probability that two texts of a similarity meet.
func (p plan) chance(similarity float64) float64 {
	return 1 - math.Pow(1-math.Pow(similarity, float64(p.rows)), float64(p.bands))
}

// background is what texts that have nothing to do with each other have in common.
type background struct {
	similarities []float64 // of pairs drawn at random
	shingles     float64   // of a text, on average
}

// choosePlan returns the cheapest plan that finds what it should. More rows a band need more bands and hashes, which
// costs time in proportion to the texts; fewer let strangers meet, which costs in proportion to their square. How many
// strangers meet depends on the texts: Chinese ones share fewer shingles than English ones.
func choosePlan(threshold float64, texts int, b background) plan {
	const hashCost, compareCost = 6.0, 40.0 // ns for a member of a set
	best, least := plan{1, 1}, math.Inf(1)
	n := float64(texts)
	for rows := 1; rows <= maxRows; rows++ {
		agree := math.Pow(threshold, float64(rows))
		bands := 1
		if agree < 1 {
			bands = max(1, int(math.Ceil(math.Log(1-wantedRecall)/math.Log(1-agree))))
		}
		if bands > maxBands && !math.IsInf(least, 1) {
			break
		}
		meet := 1e-9
		for _, s := range b.similarities {
			meet += math.Pow(s, float64(rows)) / float64(len(b.similarities))
		}
		k := float64(rows * bands)
		passes := math.Ceil(float64(bands) * 4 * n / keyMemory) // see search.run
		cost := n*(b.shingles+k*math.Log(k+1))*hashCost*passes + float64(bands)*n*n/2*meet*compareCost*b.shingles
		if cost < least {
			best, least = plan{bands, rows}, cost
		}
	}
	return best
}

// background draws pairs of texts.
func (s *search) background() background {
	const draws = 2000
	b := background{shingles: 1}
	if len(s.alive) < 2 {
		return b
	}
	rng := rand.New(rand.NewPCG(1, 0x6e656172))
	var x, y shingler
	for range draws {
		i, j := s.alive[rng.IntN(len(s.alive))], s.alive[rng.IntN(len(s.alive))]
		first, second := x.set(s.texts[i]), y.set(s.texts[j])
		b.shingles += float64(len(first)) / draws
		if similarity := jaccard(first, second, 0); similarity < s.threshold {
			b.similarities = append(b.similarities, similarity)
		}
	}
	return b
}

// minhash makes sketches of sets: rows×bands numbers, each of which two sets have in common with the probability of
// their Jaccard similarity. It is fast similarity sketching (Dahlgaard, Knudsen & Thorup 2017, "Fast Similarity
// Sketching"): in each round every member is thrown into one of the bins, which keeps the least; rounds go on until no
// bin is empty. That costs as much as the set is large, or k·log k for small sets, where a hash function for each number
// would cost k times the size of the set; and the numbers are as independent as those.
type minhash struct {
	plan
	seeds []uint64 // of the rounds
}

func newMinhash(p plan) minhash {
	m := minhash{plan: p}
	rng := rand.New(rand.NewPCG(0x78696179, 0x75))
	for range 2 * p.bands * p.rows {
		m.seeds = append(m.seeds, rng.Uint64())
	}
	return m
}

const emptyBin = math.MaxUint64

// sketch replaces dst by the sketch of a set of shingles; members may occur more than once.
func (m *minhash) sketch(dst, codes []uint64) []uint64 {
	k := m.bands * m.rows
	dst = dst[:0]
	for range k {
		dst = append(dst, emptyBin)
	}
	for round, empty := 0, k; empty > 0 && round < len(m.seeds); round++ {
		seed, order := m.seeds[round], uint64(round)<<32 // what came in an earlier round is less
		for _, c := range codes {
			h := mix(c ^ seed)
			bin := int(h >> 32 * uint64(k) >> 32)
			if round >= k { // the last rounds fill a bin each, for the smallest of sets
				bin = round - k
			}
			if v := order | h&math.MaxUint32; v < dst[bin] {
				if dst[bin] == emptyBin {
					empty--
				}
				dst[bin] = v
			}
		}
	}
	return dst
}

// key returns the key of a band of a sketch.
func (m *minhash) key(sketch []uint64, band int) uint32 {
	h := uint64(band + 1)
	for _, v := range sketch[band*m.rows : (band+1)*m.rows] {
		h = mix(h ^ v)
	}
	return uint32(h >> 32)
}

// mix spreads the bits of x (the finaliser of MurmurHash3).
func mix(x uint64) uint64 {
	x = (x ^ x>>33) * 0xff51afd7ed558ccd
	x = (x ^ x>>33) * 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}
