package text

import "testing"

func TestLanguage(t *testing.T) {
	for s, want := range map[string]string{
		"":                                       "",
		"12345 !!! 😀":                            "",
		"房间很干净":                                  "zh",
		"這個房間很乾淨":                                "zh",
		"iPhone 14 Pro Max 很好":                   "zh",
		"WIFI很快, great wifi":                     "zh",
		"Great wifi and a clean room":            "en",
		"good":                                   "en",
		"kinnear gives a tremendous performance": "en",
		"The hotel is 上海 Hilton, the best in the city, we loved it":   "en",
		"部屋はとてもきれいでした":                                                "ja",
		"방이 아주 깨끗했어요":                                                 "ko",
		"Номер был очень чистым":                                      "ru",
		"الغرفة نظيفة جدا":                                            "ar",
		"Das Zimmer war sehr sauber und die Bedienung ist freundlich": "de",
		"La chambre était très propre et le service est bien":         "fr",
		"La habitación está muy limpia y el servicio es bueno":        "es",
		"La camera è molto pulita e il servizio non è male":           "it",
		"O quarto é muito limpo e não é caro":                         "pt",
		"De kamer is niet schoon en het bed was heel slecht":          "nl",
		"Phòng rất sạch sẽ và được phục vụ tốt đến thế":               "vi",
		"déjà vu at the café":                                         "en",
	} {
		if got := Language(s); got != want {
			t.Errorf("Language(%q) = %q, want %q", s, got, want)
		}
	}
}

func TestEveryLanguageIsKnown(t *testing.T) {
	known := map[string]bool{"": true}
	for _, l := range Languages() {
		known[l] = true
	}
	for _, l := range functionWords {
		if !known[l] {
			t.Errorf("%q", l)
		}
	}
	for _, l := range letterLanguages {
		if !known[l] {
			t.Errorf("%q", l)
		}
	}
	for _, s := range scripts {
		if !known[s.language] {
			t.Errorf("%q", s.language)
		}
	}
}
