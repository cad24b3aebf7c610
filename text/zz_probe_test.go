package text

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

func realLines(t testing.TB, lang string) []string {
	var out []string
	if lang == "zh" {
		b, err := os.ReadFile("../../shared/data/online_shopping/online_shopping_10_cats.csv")
		if err != nil { t.Fatal(err) }
		rows, _ := csv.NewReader(bytes.NewReader(b)).ReadAll()
		for _, r := range rows { out = append(out, r[2]) }
	} else {
		f, err := os.Open("../../shared/data/sst2/train.tsv")
		if err != nil { t.Fatal(err) }
		sc := bufio.NewScanner(f)
		for sc.Scan() { out = append(out, strings.Split(sc.Text(), "\t")[0]) }
		b, _ := os.ReadFile("../../shared/data/banking77/train.csv")
		rows, _ := csv.NewReader(bytes.NewReader(b)).ReadAll()
		for _, r := range rows { out = append(out, r[0]) }
	}
	return out
}

func BenchmarkProbe(b *testing.B) {
	for _, lang := range []string{"zh", "en"} {
		lines := realLines(b, lang)
		n := 0
		for _, l := range lines { n += len(l) }
		for _, kind := range []string{"char", "word"} {
			t0 := time.Now()
			tok, err := Train(context.Background(), slices.Values(lines), Config{Kind: kind, Lowercase: true, NFKC: true, MinFrequency: 2, VocabSize: 30000}, nil)
			if err != nil { b.Fatal(err) }
			data, _ := tok.MarshalJSON()
			t1 := time.Now()
			Read(data)
			b.Logf("%s %s train %v (%d MB) vocab %d, load %v, %d bytes", lang, kind, t1.Sub(t0), n>>20, tok.VocabSize(), time.Since(t1), len(data))
			os.WriteFile("/tmp/xt/"+lang+kind+".json", data, 0o644)
			b.Run(lang+kind, func(b *testing.B) {
				var e Encoding
				b.SetBytes(int64(n))
				b.ReportAllocs()
				for b.Loop() {
					for _, l := range lines { tok.EncodeTo(&e, l) }
				}
			})
		}
		c := NewCleaner(CleanConfig{HTML: true, Unicode: "nfc", FullWidth: true, Control: true, URLs: true, Repeats: 3, Space: true})
		b.Run(lang+"clean", func(b *testing.B) {
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				for _, l := range lines { c.Clean(l) }
			}
		})
		cleaned := make([]string, len(lines))
		for i, l := range lines { cleaned[i], _ = c.Clean(l) }
		b.Run(lang+"cleanclean", func(b *testing.B) {
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				for _, l := range cleaned { c.Clean(l) }
			}
		})
	}
}
