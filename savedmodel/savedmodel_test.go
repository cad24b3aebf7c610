package savedmodel

import (
	"bytes"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// TestTheBytesAreThoseOfTheMessages writes a graph of one constant and holds it against bytes put together by hand from
// the numbers of the .proto files.
func TestTheBytesAreThoseOfTheMessages(t *testing.T) {
	m := &Model{
		Nodes:   []*Node{{Name: "c", Op: "Const", Attrs: map[string]Attr{"dtype": Int32, "value": &Tensor{Type: Int32, Shape: Shape{1}, Data: []byte{7, 0, 0, 0}}}}},
		Outputs: []Info{{Name: "c", Type: Int32, Shape: Shape{-1}, Sizes: []string{"batch"}}},
	}
	got, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	message := func(field int, parts ...string) string {
		content := strings.Join(parts, "")
		if len(content) > 127 {
			return string(rune(0)) // too long for this test
		}
		return string([]byte{byte(field<<3 | 2), byte(len(content))}) + content
	}
	number := func(field, v int) string { return string([]byte{byte(field << 3), byte(v)}) }
	minus := string([]byte{1 << 3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	value := message(8, number(1, 3), message(2, message(2, number(1, 1))), message(4, "\x07\x00\x00\x00"))
	node := message(1, message(1, "c"), message(2, "Const"),
		message(5, message(1, "dtype"), message(2, number(6, 3))), message(5, message(1, "value"), message(2, value)))
	graph := message(2, node, message(4, "\x08\xbf\x08"))
	info := message(1, message(4, "serve"), message(5, release), number(7, 1))
	output := message(2, message(1, "c"), message(2, message(1, "c:0"), number(2, 3), message(3, message(2, minus, message(2, "batch")))))
	signature := message(5, message(1, "serving_default"), message(2, output, message(3, "tensorflow/serving/predict")))
	meta := info + graph + signature
	want := number(1, 1) + string([]byte{2<<3 | 2, byte(len(meta)&127 | 128), byte(len(meta) >> 7)}) + meta
	if !bytes.Equal(got, []byte(want)) {
		t.Errorf("got\n%x, want\n%x", got, want)
	}
}

func TestAModelOfTwoGigabytesIsRefused(t *testing.T) {
	half := make([]byte, 1<<29)
	m := &Model{}
	for range 4 {
		m.Nodes = append(m.Nodes, &Node{Name: "c", Op: "Const", Attrs: map[string]Attr{"value": &Tensor{Type: Float, Shape: Shape{1 << 27}, Data: half}}})
	}
	if _, err := m.Marshal(); err == nil || !strings.Contains(err.Error(), "2.1") || !strings.Contains(hint.Way(err), "--precision f16") {
		t.Errorf("error %v; %s", err, hint.Way(err))
	}
}
