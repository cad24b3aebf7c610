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
