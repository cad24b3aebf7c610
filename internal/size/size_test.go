package size

import "testing"

func TestNumbersAreShort(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.00 kB", 123_456: "123 kB", 999_499: "999 kB", 999_600: "1.00 MB", 4_850_000: "4.85 MB", 10_000_000_000: "10.0 GB"} {
		if got := Bytes(n); got != want {
			t.Errorf("Bytes(%d) = %q, want %q", n, got, want)
		}
	}
	for n, want := range map[int]string{0: "0", 999: "999", 1234: "1.23 k", 1_500_000: "1.50 M", 22_700_000: "22.7 M"} {
		if got := Count(n); got != want {
			t.Errorf("Count(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestBytesAreRead(t *testing.T) {
	for s, want := range map[string]int64{"200KB": 200_000, "1.5 MB": 1_500_000, "4096": 4096, "2g": 2_000_000_000, " 7 b ": 7} {
		if got, err := Parse(s); err != nil || got != want {
			t.Errorf("Parse(%q) = %d, %v, want %d", s, got, err, want)
		}
	}
	for _, s := range []string{"", "MB", "-1MB", "0", "1XB", "1e30GB", "NaN", "1 2MB"} {
		if got, err := Parse(s); err == nil {
			t.Errorf("Parse(%q) = %d", s, got)
		}
	}
}
