package tensor

import "testing"

func TestPackedKeepsSequencesApart(t *testing.T) {
	var p Packed
	if p.Len() != 0 || p.Check(1) != nil {
		t.Fatal("the zero value is an empty batch")
	}
	p.Append([]int32{3, 1})
	p.Append(nil)
	p.Append([]int32{2})
	if p.Len() != 3 || p.Tokens() != 3 || len(p.Sequence(1)) != 0 || p.Sequence(2)[0] != 2 {
		t.Fatalf("wrong batch %+v", p)
	}
	if err := p.Check(4); err != nil {
		t.Error(err)
	}
	p.Reset()
	if p.Len() != 0 || p.Tokens() != 0 {
		t.Error("Reset leaves sequences")
	}
}

func TestCheckRefusesWhatWouldReadOutOfBounds(t *testing.T) {
	for name, p := range map[string]Packed{
		"an id beyond the vocabulary": {IDs: []int32{4}, Offsets: []int32{0, 1}},
		"a negative id":               {IDs: []int32{-1}, Offsets: []int32{0, 1}},
		"offsets that fall":           {IDs: []int32{0, 0}, Offsets: []int32{0, 2, 1, 2}},
		"offsets too short":           {IDs: []int32{0, 0}, Offsets: []int32{0, 1}},
		"no offsets":                  {IDs: []int32{0}},
	} {
		if p.Check(4) == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestArenaAllocatesNothingWhenWarm(t *testing.T) {
	var a Arena
	round := func() {
		x, y, ids := a.Floats(1000), a.Raw(77), a.Ints(13)
		for i := range x {
			if x[i] != 0 {
				t.Fatal("Floats must be zero")
			}
			x[i] = 1
		}
		y[76], ids[12] = 1, 1
		a.Reset()
	}
	if n := testing.AllocsPerRun(20, round); n != 0 {
		t.Errorf("%v allocations a round", n)
	}
}

func TestARewoundArenaNeedsNoMoreThanItsWidestPlace(t *testing.T) {
	var a Arena
	kept := a.Raw(10)
	for i := range kept {
		kept[i] = 7
	}
	for range 100 {
		m := a.Mark()
		part := a.Raw(100_000)
		clear(part)
		a.Raw(300_000)
		a.Rewind(m)
	}
	if got, most := a.Bytes(), int64(4*600_000); got > most {
		t.Errorf("%d bytes are held, expected %d at most", got, most)
	}
	for _, v := range kept {
		if v != 7 {
			t.Fatal("what was made before the mark is lost")
		}
	}
}

func TestArenaSlicesDoNotOverlap(t *testing.T) {
	var a Arena
	for range 3 {
		all := make([][]float32, 50)
		for i := range all {
			all[i] = a.Raw(i)
			for j := range all[i] {
				all[i][j] = float32(i)
			}
		}
		for i, s := range all {
			_ = append(s, -1) // must not write into the next slice
			for _, v := range s {
				if v != float32(i) {
					t.Fatalf("slice %d was overwritten by %v", i, v)
				}
			}
		}
		a.Reset()
	}
}
