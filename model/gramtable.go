package model

// GramTable says how n-grams are found in little memory: features lie in buckets by the lowest bits of the upper 40 bits
// of their hash, and each is known by its fingerprint, the next bits. The number of a feature is its place. Where
// fingerprints have all that is left of the 40 bits, none is mistaken.
type GramTable struct {
	Width  int     // bytes of a fingerprint
	Counts []byte  // features of each bucket; a power of two of them
	Prints []byte  // fingerprints, bucket by bucket, the lowest byte first
	Order  []int32 // of each place, the feature's number in the weights
}

// GramTable returns how the features of a model of family ngram are found, or nil for others. A table of fingerprints
// stays what it is.
func (m *Model) GramTable() (*GramTable, error) {
	n, ok := m.Network.(*ngram)
	if !ok {
		return nil, nil
	}
	t, short := n.table.(*fingerprints)
	order := make([]int32, n.features)
	for i := range order {
		order[i] = int32(i)
	}
	if !short {
		hashes := n.table.(slots).hashes(n.features)
		var err error
		if t, order, err = newFingerprints(hashes, 40-bucketBits(len(hashes))); err != nil {
			return nil, err
		}
	}
	return &GramTable{(t.width + 7) / 8, t.counts, t.data, order}, nil
}
