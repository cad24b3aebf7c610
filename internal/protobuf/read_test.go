package protobuf

import (
	"errors"
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// TestFieldsAreReadAsWritten reads what Message wrote, and whole numbers one by one and packed.
func TestFieldsAreReadAsWritten(t *testing.T) {
	var inner, outer Message
	inner.Int(1, -3)
	inner.Float(3, 1.5)
	outer.Message(7, &inner)
	outer.Int(8, 5)
	outer.Bytes(8, protowire.AppendVarint(protowire.AppendVarint(nil, 300), 1<<63))
	var ints []int64
	var kinds []protowire.Type
	err := Fields(outer.Marshal(), func(n protowire.Number, v Field) (err error) {
		switch n {
		case 7:
			return Fields(v.Bytes, func(n protowire.Number, v Field) error {
				kinds = append(kinds, v.Type)
				if n == 1 && int64(v.Number) != -3 || n == 3 && !slices.Equal(v.Bytes, []byte{0, 0, 0xc0, 0x3f}) {
					t.Errorf("field %d is %v", n, v)
				}
				return nil
			})
		case 8:
			ints, err = v.Ints(ints)
		}
		return err
	})
	if err != nil || !slices.Equal(ints, []int64{5, 300, -1 << 63}) || !slices.Equal(kinds, []protowire.Type{protowire.VarintType, protowire.Fixed32Type}) {
		t.Fatalf("%v, types %v, error %v", ints, kinds, err)
	}
}

// TestWhatIsCutIsMalformed cuts a message at every byte; only where a field ends is the rest not missed.
func TestWhatIsCutIsMalformed(t *testing.T) {
	var m Message
	ends := []int{0}
	for _, add := range []func(){func() { m.Int(1, 1<<40) }, func() { m.Float(2, 1) }, func() { m.Text(3, "some text") }} {
		add()
		ends = append(ends, m.Size())
	}
	whole := m.Marshal()
	for n := range len(whole) + 1 {
		err := Fields(whole[:n], func(protowire.Number, Field) error { return nil })
		if good := slices.Contains(ends, n); good != (err == nil) || !good && !errors.Is(err, ErrMalformed) {
			t.Errorf("cut at byte %d: %v", n, err)
		}
	}
	if _, err := (Field{Type: protowire.BytesType, Bytes: []byte{0x80}}).Ints(nil); !errors.Is(err, ErrMalformed) {
		t.Errorf("a packed number that does not end: %v", err)
	}
	stop := errors.New("enough")
	if err := Fields(whole, func(protowire.Number, Field) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("the error of do came back as %v", err)
	}
}
