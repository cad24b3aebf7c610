package protobuf

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// ErrMalformed is the cause of an error about bytes that are no message.
var ErrMalformed = errors.New("not a well-formed protocol buffer")

// Field is the value of one field of a message that is read: Bytes, a view of it, for messages, texts, packed lists and
// numbers of a fixed size, else Number.
type Field struct {
	Type   protowire.Type
	Bytes  []byte
	Number uint64
}

// Fields calls do for every field of a message, in their order, and stops at its first error.
func Fields(message []byte, do func(protowire.Number, Field) error) error {
	for len(message) > 0 {
		number, typ, n := protowire.ConsumeTag(message)
		if n < 0 {
			return fmt.Errorf("%w: %w", ErrMalformed, protowire.ParseError(n))
		}
		message = message[n:]
		v := Field{Type: typ}
		switch typ {
		case protowire.BytesType:
			v.Bytes, n = protowire.ConsumeBytes(message)
		case protowire.VarintType:
			v.Number, n = protowire.ConsumeVarint(message)
		case protowire.Fixed32Type:
			v.Bytes, n = message[:min(4, len(message))], 4
		case protowire.Fixed64Type:
			v.Bytes, n = message[:min(8, len(message))], 8
		default:
			n = protowire.ConsumeFieldValue(number, typ, message)
		}
		if n < 0 || n > len(message) {
			return fmt.Errorf("%w: a field ends beyond its message", ErrMalformed)
		}
		message = message[n:]
		if err := do(number, v); err != nil {
			return err
		}
	}
	return nil
}

// Ints appends the whole numbers of a field, which come one by one or packed.
func (v Field) Ints(dst []int64) ([]int64, error) {
	if v.Type == protowire.VarintType {
		return append(dst, int64(v.Number)), nil
	}
	for rest := v.Bytes; len(rest) > 0; {
		x, n := protowire.ConsumeVarint(rest)
		if n < 0 {
			return nil, fmt.Errorf("%w: %w", ErrMalformed, protowire.ParseError(n))
		}
		dst, rest = append(dst, int64(x)), rest[n:]
	}
	return dst, nil
}
