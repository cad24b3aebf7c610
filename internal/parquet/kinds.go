package parquet

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"
)

// physical types
const (
	boolean = iota
	int32Type
	int64Type
	int96
	float
	double
	byteArray
	fixedLength
)

// kind is how the bytes of a value become text.
type kind struct {
	physical int64
	length   int // of fixedLength, in bytes
	logical  logical
	scale    int           // digits behind the point of a decimal
	unit     time.Duration // of times and timestamps
	utc      bool
}

type logical uint8

const (
	plain logical = iota
	decimal
	date
	timeOfDay
	timestamp
	unsigned8
	unsigned16
	unsigned
	uuid
	float16
)

func kindOf(e message) (kind, error) {
	k := kind{physical: e.number(1, -1), length: int(e.number(2, 0)), scale: int(e.number(7, 0))}
	if k.physical < boolean || k.physical > fixedLength {
		return k, fmt.Errorf("values of type %d", k.physical)
	}
	if k.physical == fixedLength && (k.length <= 0 || k.length > 1<<20) {
		return k, fmt.Errorf("values of %d bytes", k.length)
	}
	switch e.number(6, -1) { // what files of before 2.4 have alone
	case 5:
		k.logical = decimal
	case 6:
		k.logical = date
	case 7:
		k.logical, k.unit = timeOfDay, time.Millisecond
	case 8:
		k.logical, k.unit = timeOfDay, time.Microsecond
	case 9:
		k.logical, k.unit, k.utc = timestamp, time.Millisecond, true
	case 10:
		k.logical, k.unit, k.utc = timestamp, time.Microsecond, true
	case 11:
		k.logical = unsigned8
	case 12:
		k.logical = unsigned16
	case 13, 14:
		k.logical = unsigned
	}
	for field, of := range e.message(10) {
		m, _ := of.(message)
		switch field {
		case 5:
			k.logical, k.scale = decimal, int(m.number(1, 0))
		case 6:
			k.logical = date
		case 7, 8:
			k.logical = timeOfDay
			if field == 8 {
				k.logical = timestamp
			}
			k.utc, _ = m[1].(bool)
			for unit := range m.message(2) {
				if unit >= 1 && unit <= 3 {
					k.unit = []time.Duration{time.Millisecond, time.Microsecond, time.Nanosecond}[unit-1]
				}
			}
		case 14:
			k.logical = uuid
		case 15:
			k.logical = float16
		}
	}
	if (k.logical == timeOfDay || k.logical == timestamp) && k.unit == 0 || k.scale < 0 || k.scale > 1000 {
		return k, errors.New("values of an unknown kind")
	}
	return k, nil
}

// integer writes a value of a 32- or 64-bit type.
func (k *kind) integer(v int64) string {
	switch k.logical {
	case decimal:
		return point(big.NewInt(v), k.scale)
	case date:
		return time.Unix(v*86400, 0).UTC().Format(time.DateOnly)
	case timeOfDay:
		return time.Unix(0, 0).UTC().Add(time.Duration(v) * k.unit).Format("15:04:05.999999999")
	case timestamp:
		perSecond := int64(time.Second / k.unit)
		seconds, rest := v/perSecond, v%perSecond
		if rest < 0 {
			seconds, rest = seconds-1, rest+perSecond
		}
		return k.stamp(time.Unix(seconds, rest*int64(k.unit)).UTC())
	case unsigned8:
		return strconv.FormatUint(uint64(uint8(v)), 10)
	case unsigned16:
		return strconv.FormatUint(uint64(uint16(v)), 10)
	case unsigned:
		if k.physical == int32Type {
			return strconv.FormatUint(uint64(uint32(v)), 10)
		}
		return strconv.FormatUint(uint64(v), 10)
	}
	return strconv.FormatInt(v, 10)
}

func (k *kind) stamp(t time.Time) string {
	s := t.Format("2006-01-02T15:04:05.999999999")
	if k.utc {
		s += "Z"
	}
	return s
}

// bytes writes a value of a type of bytes.
func (k *kind) bytes(b []byte) string {
	switch {
	case k.physical == int96: // nanoseconds of the day, and the Julian day
		day := int64(binary.LittleEndian.Uint32(b[8:])) - 2_440_588
		return k.stamp(time.Unix(day*86400, int64(binary.LittleEndian.Uint64(b)%uint64(24*time.Hour))).UTC())
	case k.logical == decimal:
		v := new(big.Int).SetBytes(b)
		if len(b) > 0 && b[0] >= 0x80 {
			v.Sub(v, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
		}
		return point(v, k.scale)
	case k.logical == uuid && len(b) == 16:
		h := hex.EncodeToString(b)
		return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
	case k.logical == float16 && len(b) == 2:
		return number(half(binary.LittleEndian.Uint16(b)), 32)
	}
	return string(b)
}

// half widens a float of 16 bits.
func half(h uint16) float64 {
	sign, exponent, fraction := 1.0, int(h>>10&31), float64(h&1023)
	if h&0x8000 != 0 {
		sign = -1
	}
	switch exponent {
	case 0:
		return sign * math.Ldexp(fraction, -24)
	case 31:
		if fraction != 0 {
			return math.NaN()
		}
		return math.Inf(int(sign))
	}
	return sign * math.Ldexp(1024+fraction, exponent-25)
}

// number writes a float without an exponent, as far as a person would.
func number(v float64, bits int) string {
	if a := math.Abs(v); a == 0 || a >= 1e-6 && a < 1e21 {
		return strconv.FormatFloat(v, 'f', -1, bits)
	}
	return strconv.FormatFloat(v, 'g', -1, bits)
}

// point puts a decimal point before the last scale digits.
func point(v *big.Int, scale int) string {
	s := new(big.Int).Abs(v).String()
	if scale > 0 {
		if len(s) <= scale {
			s = strings.Repeat("0", scale-len(s)+1) + s
		}
		s = s[:len(s)-scale] + "." + s[len(s)-scale:]
	}
	if v.Sign() < 0 {
		s = "-" + s
	}
	return s
}
