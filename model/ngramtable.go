package model

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
)

// gramTable finds the number of a feature by the hash of its n-gram.
type gramTable interface {
	// findAll appends the numbers of those of at most lookups n-grams that are features.
	findAll(dst []int32, hashes []uint64) []int32
	tensors() []safetensors.Tensor
}

// slots is a hash table as wide as it is fast, which lies in the file as it is used: a power of two of slots of 8 bytes,
// at most half of them taken.
type slots []byte

// A slot holds the upper 40 bits of the hash and, in the lower 24, the feature's number + 1; 0 is a free slot.
const featureBits = 24

func (t slots) findAll(dst []int32, hashes []uint64) []int32 {
	n := uint64(len(t) / 8)
	if n == 0 {
		return dst
	}
	var first [lookups]uint64
	for i, h := range hashes {
		first[i] = binary.LittleEndian.Uint64(t[h>>featureBits&(n-1)*8:])
	}
	for i, h := range hashes {
		slot := first[i]
		for at := h >> featureBits; slot != 0 && (slot^h)>>featureBits != 0; {
			at++
			slot = binary.LittleEndian.Uint64(t[at&(n-1)*8:])
		}
		if slot != 0 {
			dst = append(dst, int32(slot&(1<<featureBits-1))-1)
		}
	}
	return dst
}

func (t slots) insert(h uint64, feature int) {
	n := uint64(len(t) / 8)
	at := h >> featureBits & (n - 1)
	for binary.LittleEndian.Uint64(t[8*at:]) != 0 {
		at = (at + 1) & (n - 1)
	}
	binary.LittleEndian.PutUint64(t[8*at:], h>>featureBits<<featureBits|uint64(feature+1))
}

func (t slots) tensors() []safetensors.Tensor {
	return []safetensors.Tensor{{Name: "ngram.table", DType: safetensors.I64, Shape: []int{len(t) / 8}, Data: t}}
}

// hashes returns the upper 40 bits of the hash of each feature.
func (t slots) hashes(features int) []uint64 {
	out := make([]uint64, features)
	for i := range len(t) / 8 {
		if slot := binary.LittleEndian.Uint64(t[8*i:]); slot != 0 {
			out[slot&(1<<featureBits-1)-1] = slot >> featureBits
		}
	}
	return out
}

// fingerprints is a table of about a tenth of the size: features lie in buckets by the lowest bits of their hash, and
// each is known by its next bits alone, its fingerprint. The number of a feature is its place, so none is kept. An
// n-gram that is no feature is taken for one about once in 2^width/8 times.
type fingerprints struct {
	width  int     // bits of a fingerprint: 8 or 16
	counts []byte  // of the features of each bucket, a power of two of them
	first  []int32 // number of the first feature of each stride of buckets
	data   []byte  // the fingerprints, bucket by bucket
}

// bucketStride is how many buckets have a number of their own in fingerprints.first.
const bucketStride = 64

// newFingerprints makes the table of the features with these hashes (their upper 40 bits), the most important ones first,
// and returns which of them each place is. Of two that it cannot tell apart the first is kept.
func newFingerprints(hashes []uint64, width int) (*fingerprints, []int32, error) {
	low := bucketBits(len(hashes))
	t := &fingerprints{width: width, counts: make([]byte, 1<<low)}
	key := func(i int32) (bucket, print uint64) {
		h := hashes[i]
		return h & (1<<low - 1), h >> low & (1<<width - 1)
	}
	order := make([]int32, len(hashes))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortStableFunc(order, func(i, j int32) int {
		a, x := key(i)
		b, y := key(j)
		return cmp.Or(cmp.Compare(a, b), cmp.Compare(x, y))
	})
	order = slices.CompactFunc(order, func(i, j int32) bool {
		a, x := key(i)
		b, y := key(j)
		return a == b && x == y
	})
	for _, i := range order {
		bucket, print := key(i)
		if t.counts[bucket] == 255 {
			return nil, nil, fmt.Errorf("more than 255 features of one bucket")
		}
		t.counts[bucket]++
		for at := 0; at < width; at += 8 {
			t.data = append(t.data, byte(print>>at))
		}
	}
	t.index()
	return t, order, nil
}

// bucketBits is how many bits of a hash choose the bucket of so many features: 4 to 8 share one.
func bucketBits(features int) int { return max(bits.Len(uint(features))-3, 0) }

// index finds where buckets begin and returns how many features there are.
func (t *fingerprints) index() int {
	t.first = t.first[:0]
	n := 0
	for i, c := range t.counts {
		if i%bucketStride == 0 {
			t.first = append(t.first, int32(n))
		}
		n += int(c)
	}
	return n
}

func (t *fingerprints) findAll(dst []int32, hashes []uint64) []int32 {
	for _, h := range hashes {
		if f := t.find(h); f >= 0 {
			dst = append(dst, f)
		}
	}
	return dst
}

// find returns -1 for an n-gram that is no feature.
func (t *fingerprints) find(h uint64) int32 {
	h >>= featureBits
	buckets := uint64(len(t.counts))
	bucket, print := h&(buckets-1), h>>(bits.Len64(buckets)-1)
	at := t.first[bucket/bucketStride]
	for _, c := range t.counts[bucket/bucketStride*bucketStride : bucket] {
		at += int32(c)
	}
	for end := at + int32(t.counts[bucket]); at < end; at++ {
		if t.width == 8 && t.data[at] == byte(print) || t.width == 16 && binary.LittleEndian.Uint16(t.data[2*at:]) == uint16(print) {
			return at
		}
	}
	return -1
}

func (t *fingerprints) tensors() []safetensors.Tensor {
	dtype := safetensors.U8
	if t.width == 16 {
		dtype = safetensors.U16
	}
	return []safetensors.Tensor{
		{Name: "ngram.buckets", DType: safetensors.U8, Shape: []int{len(t.counts)}, Data: t.counts},
		{Name: "ngram.fingerprints", DType: dtype, Shape: []int{8 * len(t.data) / t.width}, Data: t.data},
	}
}

// readTable takes back either table.
func readTable(get func(name string) (safetensors.Tensor, bool), features int) (gramTable, error) {
	if table, ok := get("ngram.table"); ok {
		if table.DType != safetensors.I64 || len(table.Shape) != 1 {
			return nil, fmt.Errorf("the table of n-grams (ngram.table) is malformed")
		}
		return slots(table.Data), slots(table.Data).check(features)
	}
	counts, ok := get("ngram.buckets")
	prints, ok2 := get("ngram.fingerprints")
	t := &fingerprints{width: 8 * prints.DType.Size(), counts: counts.Data, data: prints.Data}
	switch {
	case !ok || !ok2 || counts.DType != safetensors.U8 || prints.DType != safetensors.U8 && prints.DType != safetensors.U16:
		return nil, fmt.Errorf("the table of n-grams (ngram.table, or ngram.buckets and ngram.fingerprints) is missing or malformed")
	case bits.OnesCount(uint(len(t.counts))) != 1:
		return nil, fmt.Errorf("ngram.buckets has %d buckets, not a power of two", len(t.counts))
	case t.index() != features || len(t.data)*8 != features*t.width:
		return nil, fmt.Errorf("ngram.buckets has not the %d features of ngram.fingerprints and ngram.idf", features)
	}
	return t, nil
}

func (t slots) check(features int) error {
	n, free := len(t)/8, 0
	if bits.OnesCount(uint(n)) != 1 {
		return fmt.Errorf("ngram.table has %d slots, not a power of two", n)
	}
	for i := range n {
		slot := binary.LittleEndian.Uint64(t[8*i:])
		if slot == 0 {
			free++
		} else if f := int(slot & (1<<featureBits - 1)); f < 1 || f > features {
			return fmt.Errorf("ngram.table names feature %d of %d", f, features)
		}
	}
	if free == 0 {
		return fmt.Errorf("ngram.table has no free slot")
	}
	return nil
}
