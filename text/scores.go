package text

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// parseScore reads a number as the JSON reader of Hugging Face's library does (serde_json without its feature
// float_roundtrip): digits as one whole number, then one division or multiplication by a power of ten. The last bit may
// be another than strconv's, and decides between two cuts of equal score: "...." as "..." and ".", or the other way.
func parseScore(s string) (float64, error) {
	exact, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsInf(exact, 0) {
		return 0, fmt.Errorf("score %s", s)
	}
	mantissa, power, _ := strings.Cut(strings.ToLower(s), "e")
	exponent := 0
	if power != "" {
		if exponent, err = strconv.Atoi(power); err != nil {
			return exact, nil // far beyond what a score can be
		}
	}
	mantissa, negative := strings.CutPrefix(mantissa, "-")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits, err := strconv.ParseUint(whole, 10, 64)
	if err != nil {
		return exact, nil
	}
	for _, d := range []byte(fraction) {
		next := digits*10 + uint64(d-'0')
		if digits > (math.MaxUint64-9)/10 {
			break // further digits are not read
		}
		digits = next
		exponent--
	}
	f := float64(digits)
	switch {
	case exponent < -308 || exponent > 308:
		return exact, nil
	case exponent < 0:
		f /= math.Pow10(-exponent)
	default:
		f *= math.Pow10(exponent)
	}
	if negative {
		f = -f
	}
	return f, nil
}
