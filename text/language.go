package text

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Languages returns the codes that Language knows, most usual here first.
func Languages() []string {
	return []string{"zh", "en", "ja", "ko", "ru", "ar", "he", "th", "hi", "el", "de", "fr", "es", "it", "pt", "nl", "vi", "tr", "pl"}
}

// scripts are the alphabets that one language of Languages stands for.
var scripts = []struct {
	table    *unicode.RangeTable
	language string
}{
	{unicode.Cyrillic, "ru"}, {unicode.Arabic, "ar"}, {unicode.Hebrew, "he"}, {unicode.Thai, "th"}, {unicode.Devanagari, "hi"}, {unicode.Greek, "el"}, {unicode.Hangul, "ko"},
}

// functionWords are frequent words of languages in Latin letters, without those that are words of English or of two of
// these languages.
var functionWords = func() map[string]string {
	words := map[string]string{}
	for language, list := range map[string]string{
		"en": "the and of to is was for with that this are you it have not be what your my from they but which has were very would can how good great",
		"de": "der das und ist nicht ein eine einen mit für auf den dem sich auch ich wir sie aber sehr wird sind war noch nur oder wenn bei zum zur",
		"fr": "le les des est une dans pour pas qui sur avec ce cette mais nous vous ils sont très était être leur aux bien même je du et où",
		"es": "el los las una por para con del muy pero está como más este esta todo también hay nos ser fue cuando donde porque y",
		"it": "il gli della di che non per sono con anche più molto questo questa nel alla dei è stato perché ma tutto essere ho ci si",
		"pt": "os uma não para com muito mais como foi são está também você isso mas pela pelo ele ela seu sua quando já tem bem nos é",
		"nl": "het een van niet zijn voor met ook maar deze aan bij heel wordt naar hij wij dat werd heeft goed meer veel geen",
	} {
		for w := range strings.FieldsSeq(list) {
			if _, twice := words[w]; twice {
				words[w] = "" // of two languages
				continue
			}
			words[w] = language
		}
	}
	return words
}()

// letters of Latin alphabets that few languages have.
var letterLanguages = map[rune]string{
	'ß': "de", 'ä': "de", 'ö': "de", 'ü': "de", 'ç': "fr", 'è': "fr", 'ê': "fr", 'œ': "fr", 'ñ': "es", '¿': "es", '¡': "es", 'ã': "pt", 'õ': "pt", 'ò': "it", 'ì': "it",
	'ơ': "vi", 'ư': "vi", 'đ': "vi", 'ạ': "vi", 'ả': "vi", 'ế': "vi", 'ệ': "vi", 'ộ': "vi", 'ı': "tr", 'ğ': "tr", 'ş': "tr", 'ł': "pl", 'ż': "pl", 'ś': "pl", 'ę': "pl", 'ą': "pl",
}

// Language returns the code of the language that most of s is written in, "" where it has no letters. Scripts decide;
// a text in Latin letters is English unless its words or letters speak for another language: short texts, of which
// most data here is, have too few letters for the statistics of n-grams.
func Language(s string) string {
	counts := map[string]int{}
	kana, han, latin := 0, 0, 0
	spoken := map[string]int{} // evidence in Latin words
	for at := 0; at < len(s); {
		r, n := utf8.DecodeRuneInString(s[at:])
		switch {
		case isChinese(r):
			han++
		case r >= 0x3041 && r <= 0x30fa:
			kana++
		case unicode.Is(unicode.Latin, r):
			end := max(wordEnd(s, at), at+n)
			word := strings.ToLower(s[at:end])
			latin++
			if language := functionWords[word]; language != "" {
				spoken[language]++
			} else {
				for _, r := range word {
					if language := letterLanguages[r]; language != "" {
						spoken[language]++
						break
					}
				}
			}
			at = end
			continue
		case r > 0x2ff && unicode.IsLetter(r):
			for _, script := range scripts {
				if unicode.Is(script.table, r) {
					counts[script.language]++
					break
				}
			}
		}
		at += n
	}
	const lettersOfWord = 5 // of the alphabets that are counted by letters
	counts["zh"], counts[latinLanguage(spoken, latin)] = 2*han*lettersOfWord, latin*lettersOfWord
	if 10*kana > han {
		counts["zh"], counts["ja"] = 0, 2*(kana+han)*lettersOfWord
	}
	best := ""
	for _, language := range Languages() {
		if counts[language] > counts[best] {
			best = language
		}
	}
	return best
}

// latinLanguage weighs the evidence of a text of so many Latin words.
func latinLanguage(spoken map[string]int, words int) string {
	best := "en"
	for _, language := range Languages() {
		if n := spoken[language]; n > spoken[best] && n > 1 && 10*n > words {
			best = language
		}
	}
	return best
}
