package near

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
)

func TestFold(t *testing.T) {
	for _, c := range [][2]string{
		{"Don't  STOP, me now!", "dont stop me now"},
		{"房间 很好，ＯＫ！", "房间很好ok"},
		{"iPhone 手机 13 Pro", "iphone手机13 pro"},
		{"", ""},
		{"！！！ ", "！！！"},
		{"👍 👍", "👍👍"},
		{"a\xffb", "a b"},
		{"Ünïcode", "ünïcode"},
	} {
		if got := Fold(c[0]); got != c[1] {
			t.Errorf("Fold(%q) = %q, want %q", c[0], got, c[1])
		}
		if again := Fold(c[1]); again != c[1] {
			t.Errorf("folding %q again gives %q", c[1], again)
		}
	}
}

func TestJaccard(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want float64
	}{
		{"房间很好", "房间很好。", 1},
		{"房间很好", "房间很差", 2.0 / 4},
		{"abcd", "abce", 1.0 / 3},
		{"好", "好！", 1},
		{"好", "坏", 0},
		{"ok", "OK", 1},
		{"", "", 0},
		{"👍", "👎", 0},
		{"aaaa", "aaaaaaa", 1}, // sets, not bags
	} {
		if got := Jaccard(c.a, c.b); got != c.want || Jaccard(c.b, c.a) != got {
			t.Errorf("Jaccard(%q, %q) = %v, want %v", c.a, c.b, got, c.want)
		}
	}
}

func TestJaccardGivesUpOnlyBelowTheLeast(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 3000 {
		var a, b []uint64
		for v := range uint64(30) {
			if rng.IntN(4) > 0 {
				a = append(a, v)
			}
			if rng.IntN(4) > 0 {
				b = append(b, v)
			}
		}
		full := jaccard(a, b, 0)
		for _, least := range []float64{0.3, 0.5, full, 0.9} {
			if got := jaccard(a, b, least); full >= least && got != full {
				t.Fatalf("%v %v: %v with a least of %v, else %v", a, b, got, least, full)
			}
		}
	}
}

// variants returns texts made of n sentences, each with copies that were edited a little.
func variants(n int, seed uint64) []string {
	rng := rand.New(rand.NewPCG(seed, 2))
	words := strings.Fields("房间 服务 早餐 位置 前台 态度 很好 一般 不错 糟糕 干净 安静 便宜 方便 热情 失望 推荐 下次 还来 不会 酒店 客服 物流 手机 屏幕 the room was clean staff friendly breakfast cold never again would recommend battery screen")
	var texts []string
	for range n {
		var s []string
		for range 12 {
			s = append(s, words[rng.IntN(len(words))])
		}
		for range 1 + rng.IntN(4) {
			copied := append([]string(nil), s...)
			for range rng.IntN(4) {
				copied[rng.IntN(len(copied))] = words[rng.IntN(len(words))]
			}
			texts = append(texts, strings.Join(copied, " "))
		}
	}
	rng.Shuffle(len(texts), func(i, j int) { texts[i], texts[j] = texts[j], texts[i] })
	return texts
}

func setsOf(texts []string) [][]uint64 {
	var sh shingler
	sets := make([][]uint64, len(texts))
	for i, t := range texts {
		sets[i] = slices.Clone(sh.set(t))
	}
	return sets
}

// exact compares every pair.
func exact(texts []string, threshold float64) (pairs map[[2]int32]float64) {
	pairs = map[[2]int32]float64{}
	sets := setsOf(texts)
	for i := range texts {
		for j := i + 1; j < len(texts); j++ {
			if s := jaccard(sets[i], sets[j], 0); s >= threshold {
				pairs[[2]int32{int32(i), int32(j)}] = s
			}
		}
	}
	return pairs
}

func TestPairsAreExactAndNearlyComplete(t *testing.T) {
	texts := variants(250, 1)
	for _, threshold := range []float64{0.5, 0.7, 0.8, 0.9, 1} {
		want := exact(texts, threshold)
		got, _, err := Pairs(context.Background(), texts, Options{Threshold: threshold})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range got {
			if s, ok := want[[2]int32{p.A, p.B}]; !ok || s != p.Jaccard {
				t.Fatalf("threshold %v: %v is no pair (exactly %v)", threshold, p, s)
			}
		}
		if recall := float64(len(got)) / float64(len(want)); recall < 0.99 || len(want) < 20 {
			t.Errorf("threshold %v: %d of %d pairs", threshold, len(got), len(want))
		}
	}
}

func TestGroupsAreTheComponentsOfPairs(t *testing.T) {
	texts := append(variants(200, 2), "", "", "！", "！", "")
	pairs, _, err := Pairs(context.Background(), texts, Options{Threshold: 0.7})
	if err != nil {
		t.Fatal(err)
	}
	r, err := Groups(context.Background(), texts, Options{Threshold: 0.7})
	if err != nil {
		t.Fatal(err)
	}
	of := make([]int32, len(texts))
	for i := range of {
		of[i] = int32(i)
	}
	for changed := true; changed; {
		changed = false
		for _, p := range pairs {
			if least := min(of[p.A], of[p.B]); of[p.A] != least || of[p.B] != least {
				of[p.A], of[p.B], changed = least, least, true
			}
		}
	}
	if !reflect.DeepEqual(of, r.Of) {
		t.Errorf("groups are not the components of the pairs")
	}
	n := 0
	for _, g := range r.Groups {
		n += len(g) - 1
		if len(g) < 2 || r.Of[g[1]] != g[0] {
			t.Errorf("group %v", g)
		}
	}
	for i, first := range r.Of {
		if int32(i) != first {
			n--
		}
	}
	if n != 0 {
		t.Errorf("Groups and Of tell of different texts: %d", n)
	}
	if last := len(texts) - 1; r.Of[last] != int32(last) || r.Of[last-1] == int32(last-1) {
		t.Error("empty texts are nobody's double, equal marks are")
	}
}

func TestGroupsFollowWhateverTheNumberOfProcessors(t *testing.T) {
	texts := variants(100, 3)
	one, err := Groups(context.Background(), texts, Options{Threshold: 0.8})
	if err != nil {
		t.Fatal(err)
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	two, err := Groups(context.Background(), texts, Options{Threshold: 0.8})
	if err != nil || !reflect.DeepEqual(one.Of, two.Of) {
		t.Errorf("two searches differ (%v)", err)
	}
}

func TestManyCopiesCostLittle(t *testing.T) {
	var texts []string
	for i := range 30000 {
		texts = append(texts, "这家酒店的房间很干净，服务也很好，下次还来"+strings.Repeat("！", i%3))
	}
	r, err := Groups(context.Background(), texts, Options{Threshold: 0.8})
	if err != nil || len(r.Groups) != 1 || len(r.Groups[0]) != len(texts) || r.Work.Candidates != 0 {
		t.Errorf("%d groups, %d comparisons, %v", len(r.Groups), r.Work.Candidates, err)
	}
}

func TestLargeBucketsAreCut(t *testing.T) {
	var texts []string
	for i := range maxBucket * 3 / 2 { // all of one beginning, each with a tail of its own
		texts = append(texts, fmt.Sprintf("%s%c%c%c", "尊敬的客户您好您的快递已经到达请及时到驿站领取谢谢合作取件码", 0x4e00+rune(i%200), 0x5000+rune(i/200), 0x5200+rune(i%200)))
	}
	r, err := Groups(context.Background(), texts, Options{Threshold: 0.8})
	if err != nil || len(r.Groups) != 1 || len(r.Groups[0]) != len(texts) {
		t.Errorf("%d groups, %v", len(r.Groups), err)
	}
	if r.Work.Cut == 0 {
		t.Errorf("no bucket was above the limit: %+v", r.Work)
	}
}

func TestThresholdsOutOfRangeAreRefused(t *testing.T) {
	for _, threshold := range []float64{0, -1, 1.5, math.NaN(), math.Inf(1)} {
		if _, err := Groups(context.Background(), []string{"a", "b"}, Options{Threshold: threshold}); err == nil {
			t.Errorf("%v was taken", threshold)
		}
	}
}

func TestInterruption(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Groups(ctx, variants(50, 4), Options{Threshold: 0.8}); err == nil {
		t.Error("an interrupted search returned groups")
	}
}

func TestIndexFindsTheNearest(t *testing.T) {
	texts := variants(300, 5)
	sets := setsOf(texts)
	for _, threshold := range []float64{0.7, 0.8, 0.9} {
		x := NewIndex(threshold, 0)
		missed, found := 0, 0
		for i, text := range texts {
			best, at := 0.0, -1
			for j := range i {
				if s := jaccard(sets[i], sets[j], 0); s >= threshold && s > best {
					best, at = s, j
				}
			}
			number, similarity := x.Nearest(text)
			switch {
			case number == at && similarity == best:
			case number >= 0 && Jaccard(text, texts[number]) != similarity, similarity > best:
				t.Fatalf("text %d: told of %d at %v, which is not so", i, number, similarity)
			default:
				missed++
			}
			if at >= 0 {
				found++
			}
			if !x.Add(text) || x.Len() != i+1 {
				t.Fatalf("text %d was not added", i)
			}
		}
		if found < 30 || missed*100 > found {
			t.Errorf("threshold %v: %d of %d missed", threshold, missed, found)
		}
	}
}

func TestIndexIsBounded(t *testing.T) {
	x := NewIndex(0.8, 2)
	for i, want := range []bool{true, true, false} {
		if got := x.Add(fmt.Sprint("text number ", i)); got != want {
			t.Errorf("text %d: added %v", i, got)
		}
	}
	if x.Add("") {
		t.Error("an empty text was added")
	}
	if n, _ := x.Nearest("text number 1"); n != 1 {
		t.Errorf("nearest: %d", n)
	}
}

func TestPlansReachTheirRecall(t *testing.T) {
	for _, threshold := range []float64{0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1} {
		for _, n := range []int{100, 1_000_000, 100_000_000} {
			p := choosePlan(threshold, n, background{[]float64{0, 0.05, 0.2}, 40})
			if p.chance(threshold) < wantedRecall-1e-9 {
				t.Errorf("threshold %v, %d texts: %+v finds %v", threshold, n, p, p.chance(threshold))
			}
		}
	}
}

func TestMarked(t *testing.T) {
	long := strings.Repeat("这家酒店的房间", 10)
	for _, c := range [][3]string{
		{"房间很好", "房间非常好", "房间[-很-]{+非常+}好"},
		{"the room was clean", "the rooms were clean", "the [-room-]{+rooms+} [-was-]{+were+} clean"},
		{"a b", "a  b", "a b"},
		{"", "好", "{+好+}"},
		{"好", "", "[-好-]"},
		{"", "", ""},
		{long + "干净", long + "脏", "…酒店的房间这家酒店的房间[-干净-]{+脏+}"},
		{"干净" + long, "脏" + long, "[-干净-]{+脏+}这家酒店的房间这家酒店的…"},
		{"\xff", "a", "[-\xff-]{+a+}"},
	} {
		if got := Marked(c[0], c[1]); got != c[2] {
			t.Errorf("Marked(%q, %q) = %q, want %q", c[0], c[1], got, c[2])
		}
	}
}

func FuzzMarked(f *testing.F) {
	f.Add("房间很好", "房间 very good")
	f.Add("\xff\xfe", "👍 a'b")
	f.Fuzz(func(t *testing.T, a, b string) {
		Marked(a, b)
		if s := Jaccard(a, b); s < 0 || s > 1 || s != Jaccard(b, a) || a != "" && Fold(a) != "" && Jaccard(a, a) != 1 {
			t.Errorf("Jaccard(%q, %q) = %v", a, b, s)
		}
		if once := Fold(a); Fold(once) != once {
			t.Errorf("folding %q: %q, then %q", a, once, Fold(once))
		}
	})
}
