package xiaoyu

import "testing"

func TestTheCommandThatGoesOnSaysWhatTheFirstOneSaid(t *testing.T) {
	for _, c := range []struct {
		command []string
		want    string
	}{
		{nil, "xiaoyu train --resume=r1"},
		{[]string{"/usr/bin/xiaoyu", "train"}, "xiaoyu train --resume=r1"},
		{[]string{"xy", "train", "--resume"}, "xiaoyu train --resume=r1"},
		{[]string{"xy", "train", "--resume", "r0", "--model", "cnn"}, "xiaoyu train --model cnn --resume=r1"},
		{[]string{"xy", "distill", "teacher", "--resume=r0", "--data", "a b.csv"}, "xiaoyu distill teacher --data 'a b.csv' --resume=r1"},
		{[]string{"xy", "train", "--set", "clean.keep=it's", ""}, `xiaoyu train --set 'clean.keep=it'\''s' '' --resume=r1`},
		{[]string{"xy", "quickstart", "--data", "a.csv"}, "xiaoyu train --resume=r1"},
		{[]string{"xy", "train", "--auto"}, "xiaoyu train --resume=r1"},
		{[]string{"xy", "train", "--data", "评论.csv"}, "xiaoyu train --data 评论.csv --resume=r1"},
	} {
		if got := resuming(c.command, "r1"); got != c.want {
			t.Errorf("%q goes on by %s, not %s", c.command, got, c.want)
		}
	}
}
