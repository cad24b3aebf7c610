// Command gen writes the tables of package hanzi: facts about characters, taken from libraries that keep them and from
// the shapes of a font.
//
//	go run . -font /usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc
//
// It is a module of its own, so that the product depends on none of this.
package main

import (
	"bufio"
	"cmp"
	"flag"
	"fmt"
	"image"
	"image/draw"
	"log"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/mozillazg/go-pinyin"
	"golang.org/x/image/font"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
	"golang.org/x/text/encoding/simplifiedchinese"

	_ "github.com/longbridgeapp/opencc" // its dictionary is read as a file
)

func main() {
	log.SetFlags(0)
	fontFile := flag.String("font", "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc", "a font of simplified Chinese; the third of a collection")
	out := flag.String("out", "..", "folder to write to")
	flag.Parse()
	for name, make := range map[string]func() (string, error){
		"traditional.txt": traditional,
		"readings.txt":    readings,
		"lookalikes.txt":  func() (string, error) { return lookalikes(*fontFile) },
	} {
		content, err := make()
		if err != nil {
			log.Fatalf("making %s: %v", name, err)
		}
		if err := os.WriteFile(filepath.Join(*out, name), []byte(content), 0o644); err != nil {
			log.Fatal(err)
		}
	}
}

// common returns the 6,763 characters of GB 2312, in its order: by reading, then by radical.
func common() []rune {
	var out []rune
	for row := 0xb0; row <= 0xf7; row++ {
		for cell := 0xa1; cell <= 0xfe; cell++ {
			s, err := simplifiedchinese.GBK.NewDecoder().Bytes([]byte{byte(row), byte(cell)})
			if r, _ := utf8.DecodeRune(s); err == nil && r >= 0x4e00 && r <= 0x9fff {
				out = append(out, r)
			}
		}
	}
	return out
}

// readings writes a character and its readings a line, tones as digits.
func readings() (string, error) {
	args := pinyin.NewArgs()
	args.Style, args.Heteronym = pinyin.Tone3, true
	var b strings.Builder
	for _, r := range common() {
		list := pinyin.SinglePinyin(r, args)
		if len(list) == 0 {
			return "", fmt.Errorf("%c has no reading", r)
		}
		fmt.Fprintf(&b, "%c %s\n", r, strings.Join(list, " "))
	}
	return b.String(), nil
}

// traditional writes a line of characters, each followed by its simplified form; then a line a phrase, both forms.
func traditional() (string, error) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/longbridgeapp/opencc").Output()
	if err != nil {
		return "", err
	}
	dictionary := filepath.Join(strings.TrimSpace(string(dir)), "dictionary")
	simple := map[string]string{}
	var pairs, phrases strings.Builder
	err = eachEntry(filepath.Join(dictionary, "TSCharacters.txt"), func(from, to string) {
		if from != to && utf8.RuneCountInString(from) == 1 && utf8.RuneCountInString(to) == 1 {
			simple[from] = to
		}
	})
	if err != nil {
		return "", err
	}
	for _, from := range slices.Sorted(keys(simple)) {
		to := simple[from]
		for simple[to] != "" { // what is simple stays as it is
			to = simple[to]
		}
		simple[from] = to
		pairs.WriteString(from + to)
	}
	err = eachEntry(filepath.Join(dictionary, "TSPhrases.txt"), func(from, to string) {
		// 於 stays in some surnames and old words; those letters stand side by side in 過於單調 far more often.
		if utf8.RuneCountInString(from) == utf8.RuneCountInString(to) && !strings.HasPrefix(from, "於") {
			phrases.WriteString(from + " " + to + "\n")
		}
	})
	return pairs.String() + "\n" + phrases.String(), err
}

func keys(m map[string]string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// eachEntry calls f with the entries of a dictionary of OpenCC: the first of several results is the usual one.
func eachEntry(file string, f func(from, to string)) error {
	in, err := os.Open(file)
	if err != nil {
		return err
	}
	defer in.Close()
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		from, rest, ok := strings.Cut(lines.Text(), "\t")
		to, _, _ := strings.Cut(rest, " ")
		if ok {
			f(from, to)
		}
	}
	return lines.Err()
}

const (
	side     = 32   // of the picture of a character, in points
	alike    = 0.72 // least correlation of two pictures,
	related  = 0.5  // or this,
	shared   = 0.9  // and so much of a part that both have at the same place
	mostLike = 12   // characters that are listed for one
)

// parts are those of a character in which another may share a component: all, right, left, lower, upper.
var parts = []image.Rectangle{
	image.Rect(0, 0, side, side), image.Rect(11, 0, side, side), image.Rect(0, 0, 19, side), image.Rect(0, 12, side, side), image.Rect(0, 0, side, 20),
}

// lookalikes writes a character and those that look like it a line, most alike first: the pictures of the two, a little
// blurred so that strokes need not lie exactly on each other, correlate as wholes, or less so but nearly entirely in a
// part.
func lookalikes(fontFile string) (string, error) {
	chars := common()
	pictures, err := drawAll(fontFile, chars)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	type like struct {
		r rune
		c float32
	}
	for i, a := range pictures {
		var likes []like
		for j, p := range pictures {
			if i == j {
				continue
			}
			c := dot(a[0], p[0])
			if c >= alike || c >= related && sharesPart(a, p) {
				likes = append(likes, like{chars[j], c})
			}
		}
		slices.SortFunc(likes, func(x, y like) int { return cmp.Or(cmp.Compare(y.c, x.c), cmp.Compare(x.r, y.r)) })
		if len(likes) == 0 {
			continue
		}
		b.WriteRune(chars[i])
		b.WriteByte(' ')
		for _, l := range likes[:min(len(likes), mostLike)] {
			b.WriteRune(l.r)
		}
		b.WriteByte('\n')
	}
	return b.String(), nil
}

func sharesPart(a, b [][]float32) bool {
	for i := 1; i < len(parts); i++ {
		if dot(a[i], b[i]) >= shared {
			return true
		}
	}
	return false
}

func dot(a, b []float32) (sum float32) {
	for i, x := range a {
		sum += x * b[i]
	}
	return sum
}

// drawAll returns the pictures of characters, whole and in parts: blurred, each of mean 0 and length 1.
func drawAll(fontFile string, chars []rune) ([][][]float32, error) {
	data, err := os.ReadFile(fontFile)
	if err != nil {
		return nil, err
	}
	collection, err := opentype.ParseCollection(data)
	if err != nil {
		return nil, err
	}
	const simplified = 2 // Japanese, Korean, then simplified Chinese
	f, err := collection.Font(min(simplified, collection.NumFonts()-1))
	if err != nil {
		return nil, err
	}
	face, err := opentype.NewFace(f, &opentype.FaceOptions{Size: side, DPI: 72, Hinting: font.HintingNone})
	if err != nil {
		return nil, err
	}
	out := make([][][]float32, len(chars))
	for i, r := range chars {
		img := image.NewGray(image.Rect(0, 0, side, side))
		draw.Draw(img, img.Bounds(), image.Black, image.Point{}, draw.Src)
		d := font.Drawer{Dst: img, Src: image.White, Face: face, Dot: fixed.P(0, side*88/100)}
		d.DrawString(string(r))
		picture := blur(img)
		for _, part := range parts {
			out[i] = append(out[i], normal(cut(picture, part)))
		}
	}
	return out, nil
}

// blur weighs each point with its neighbours 1 2 1 / 2 4 2 / 1 2 1.
func blur(img *image.Gray) []float32 {
	out := make([]float32, side*side)
	for y := range side {
		for x := range side {
			for dy := -1; dy <= 1; dy++ {
				for dx := -1; dx <= 1; dx++ {
					weight := float32((2 - abs(dx)) * (2 - abs(dy)))
					if p := image.Pt(x+dx, y+dy); p.In(img.Bounds()) {
						out[y*side+x] += weight * float32(img.GrayAt(p.X, p.Y).Y)
					}
				}
			}
		}
	}
	return out
}

func cut(picture []float32, part image.Rectangle) []float32 {
	var out []float32
	for y := part.Min.Y; y < part.Max.Y; y++ {
		out = append(out, picture[y*side+part.Min.X:y*side+part.Max.X]...)
	}
	return out
}

func abs(x int) int { return max(x, -x) }

func normal(v []float32) []float32 {
	mean, square := 0.0, 0.0
	for _, x := range v {
		mean += float64(x) / float64(len(v))
	}
	for _, x := range v {
		square += (float64(x) - mean) * (float64(x) - mean)
	}
	for i, x := range v {
		v[i] = float32((float64(x) - mean) / math.Sqrt(max(square, 1)))
	}
	return v
}
