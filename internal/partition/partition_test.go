package partition

import (
	"fmt"
	"testing"
)

func TestGroupsAreWhatWasJoined(t *testing.T) {
	for _, c := range []struct {
		n     int
		pairs [][2]int32
		want  string
	}{
		{0, nil, "[]"},
		{3, nil, "[]"},
		{6, [][2]int32{{5, 3}, {3, 4}}, "[[3 4 5]]"},
		{7, [][2]int32{{6, 1}, {2, 5}, {5, 2}, {0, 0}}, "[[1 6] [2 5]]"},
		{6, [][2]int32{{4, 5}, {2, 3}, {0, 1}, {3, 5}, {1, 4}}, "[[0 1 2 3 4 5]]"},
	} {
		p := New(c.n)
		for _, pair := range c.pairs {
			p.Join(pair[0], pair[1])
		}
		if got := fmt.Sprint(p.Groups()); got != c.want {
			t.Errorf("%v: %s, want %s", c.pairs, got, c.want)
		}
		for _, g := range p.Groups() {
			for _, i := range g {
				if p.First(i) != g[0] {
					t.Errorf("%v: the first of %d is %d", c.pairs, i, p.First(i))
				}
			}
		}
	}
}
