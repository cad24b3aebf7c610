// Package examples holds sample data written for this project, to try it with: reviews of hotels, restaurants and
// shops in Chinese and English, each labelled positive, negative or neutral; and questions about short texts, with their
// answers.
package examples

import (
	"embed"
	"fmt"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

//go:embed reviews_zh.csv reviews_en.csv questions_zh.json questions_en.json
var files embed.FS

// Reviews returns the reviews in a language, zh or en, as CSV with the columns text, label and category.
func Reviews(lang string) ([]byte, error) {
	content, err := files.ReadFile(fmt.Sprintf("reviews_%s.csv", lang))
	if err != nil {
		return nil, hint.Errorf("choose zh or en", "there are no sample reviews in %q", lang)
	}
	return content, nil
}

// Questions returns questions about texts in a language, zh or en, nested as SQuAD 2.0 has them; some have no answer.
func Questions(lang string) ([]byte, error) {
	content, err := files.ReadFile(fmt.Sprintf("questions_%s.json", lang))
	if err != nil {
		return nil, hint.Errorf("choose zh or en", "there are no sample questions in %q", lang)
	}
	return content, nil
}

// ToTry returns texts that are in none of the reviews, to try a model on.
func ToTry(lang string) []string {
	if lang == "en" {
		return []string{
			"The staff were lovely, but our room smelled of smoke and the lift was broken all weekend.",
			"Best dumplings in town, we will be back next week!",
			"The parcel came on Tuesday as announced. It is a kettle.",
		}
	}
	return []string{
		"前台小姑娘特别热情，房间也宽敞，就是隔音差了点，总体满意！",
		"等了一个多小时才上菜，味道还咸得要命，再也不来了。",
		"包装普通，周三下单周五到，还没用，不好评价。",
	}
}
