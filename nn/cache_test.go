package nn

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestCachedAttentionEqualsThatOfTheWholeText gives texts to a cache piece by piece, from caches that have too little
// room at first, and one of them from a copy and after some tokens were forgotten.
func TestCachedAttentionEqualsThatOfTheWholeText(t *testing.T) {
	const heads, size, layers = 4, 3, 2
	for name, form := range map[string]Attention{
		"plain":   {KeyHeads: heads},
		"grouped": {KeyHeads: 2, Scale: 0.4},
		"window":  {KeyHeads: 1, Window: 6},
	} {
		t.Run(name, func(t *testing.T) {
			form.Heads, form.Size, form.Causal = heads, size, true
			width := (heads + 2*form.KeyHeads) * size
			lengths := []int{1, 150, 17}
			rng := rand.New(rand.NewPCG(1, 1))
			offsets, rows := []int32{0}, 0
			for _, n := range lengths {
				rows += n
				offsets = append(offsets, int32(rows))
			}
			qkv := make([]float32, rows*width)
			for i := range qkv {
				qkv[i] = float32(2 * rng.NormFloat64())
			}
			tapes(t, func(t *testing.T, tape *Tape) {
				tape.Begin(Inference, 0, 0)
				want := append([]float32(nil), tape.Attend(tape.Input(qkv, rows, width), offsets, form).Data...)
				caches := make([]*Cache, len(lengths))
				for s := range caches {
					caches[s] = NewCache(layers, form.KeyHeads*size, 2)
				}
				done := make([]int, len(lengths))
				for round, step := range []int{1, 3, 1, 140, 1, 1, 1, 1, 1, 150} {
					var part []float32
					ends := []int32{0}
					for s, n := range lengths {
						take := min(step, n-done[s])
						from := int(offsets[s]) + done[s]
						part = append(part, qkv[from*width:(from+take)*width]...)
						ends = append(ends, ends[s]+int32(take))
					}
					tape.Begin(Inference, 0, 0)
					in := tape.Input(part, int(ends[len(ends)-1]), width)
					got := tape.AttendCached(in, ends, form, 1, caches)
					for s := range lengths {
						for i := range int(ends[s+1] - ends[s]) {
							for c, v := range got.Row(int(ends[s]) + i) {
								if w := want[(int(offsets[s])+done[s]+i)*heads*size+c]; math.Abs(float64(v-w)) > 1e-5 {
									t.Fatalf("round %d, text %d, token %d: %v, want %v", round, s, done[s]+i, v, w)
								}
							}
						}
						done[s] += int(ends[s+1] - ends[s])
						caches[s].Keep(done[s])
					}
					if round == 4 { // forget some, and go on with a copy
						done[1] -= 3
						caches[1].Keep(done[1])
						caches[1] = caches[1].Clone(0)
					}
				}
				if done[1] != 150 || caches[1].Tokens() != 150 {
					t.Fatalf("%d tokens done, %d in the cache", done[1], caches[1].Tokens())
				}
			})
		})
	}
}

func TestCachedAttentionAllocatesNothingWhenThereIsRoom(t *testing.T) {
	tape, cache := NewTape(nil), []*Cache{NewCache(1, 4, 100)}
	qkv, offsets := make([]float32, 12), []int32{0, 1}
	if n := testing.AllocsPerRun(20, func() {
		tape.Begin(Inference, 0, 0)
		tape.AttendCached(tape.Input(qkv, 1, 12), offsets, Attention{Heads: 2, KeyHeads: 2, Size: 2}, 0, cache)
		cache[0].Keep(cache[0].Tokens() + 1)
	}); n > 0 && !raceDetector { // which empties pools
		t.Errorf("%v allocations a token", n)
	}
}
