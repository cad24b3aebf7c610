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
	const hashCost, compareCost = 0.7, 400.0 // ns
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
		cost := n*b.shingles*float64(rows*bands)*hashCost + float64(bands)*n*n/2*meet*compareCost
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

// minhash computes the keys of bands: of each of the band's hash functions the least value over all shingles, put
// together. Two texts have the same least value with the probability of their Jaccard similarity.
type minhash struct {
	plan
	factors []uint64 // odd; one a hash function: the upper half of the product is the hash
}

func newMinhash(p plan) minhash {
	m := minhash{plan: p}
	rng := rand.New(rand.NewPCG(0x78696179, 0x75))
	for range p.bands * p.rows {
		m.factors = append(m.factors, rng.Uint64()|1)
	}
	return m
}

// key returns the key of a band; codes are mixed by [scatter].
func (m *minhash) key(codes []uint64, band int) uint32 {
	h := uint64(band + 1)
	for _, f := range m.factors[band*m.rows : (band+1)*m.rows] {
		least := uint64(math.MaxUint64)
		for _, c := range codes {
			least = min(least, c*f)
		}
		h = mix(h ^ least)
	}
	return uint32(h >> 32)
}

// scatter spreads codes over all 64 bits, in place, once for all hash functions.
func scatter(codes []uint64) {
	for i, c := range codes {
		codes[i] = mix(c)
	}
}

// mix spreads the bits of x (the finaliser of MurmurHash3).
func mix(x uint64) uint64 {
	x = (x ^ x>>33) * 0xff51afd7ed558ccd
	x = (x ^ x>>33) * 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}
