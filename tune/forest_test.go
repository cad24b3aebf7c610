package tune

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestATreePartsNeighbouringNumbers splits between numbers with none between them.
func TestATreePartsNeighbouringNumbers(t *testing.T) {
	var x [][]float64
	var y []float64
	for i := range 40 {
		at := 0.4
		if i%2 == 1 {
			at = math.Nextafter(at, float64(i%4)-1.5) // above and below
		}
		x, y = append(x, []float64{at}), append(y, float64(i%4))
	}
	for seed := range uint64(20) {
		volume := 0.0
		for _, l := range growTree(x, y, rand.New(rand.NewPCG(seed, 1))) {
			volume += l.volume
			if l.hi[0] < l.lo[0] || math.IsNaN(l.volume) || math.IsNaN(l.value) {
				t.Fatalf("a leaf from %v to %v of volume %v with value %v", l.lo, l.hi, l.volume, l.value)
			}
		}
		if math.Abs(volume-1) > 1e-9 {
			t.Errorf("leaves cover %g of the space", volume)
		}
	}
}
