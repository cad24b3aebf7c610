package xiaoyu

import (
	"slices"
	"strings"
)

// resuming is the command that goes on with a run: the one that began it, for it may say what no project file does.
func resuming(command []string, run string) string {
	if len(command) < 2 || command[1] != "train" && command[1] != "distill" || slices.Contains(command, "--auto") { // which take no run
		return "xiaoyu train --resume=" + run
	}
	words := []string{"xiaoyu"}
	for i := 1; i < len(command); i++ {
		switch word := command[i]; {
		case word == "--resume":
			if i+1 < len(command) && !strings.HasPrefix(command[i+1], "-") { // which run
				i++
			}
		case strings.HasPrefix(word, "--resume="):
		default:
			words = append(words, shellWord(word))
		}
	}
	return strings.Join(append(words, "--resume="+run), " ")
}

// shellWord quotes what a shell would not take as it stands.
func shellWord(s string) string {
	if s != "" && !strings.ContainsAny(s, " \t\n\"'`$&|;<>()*?[]{}#~!\\") {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
