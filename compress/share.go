package compress

import (
	"context"
	"fmt"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// share lets layers share their weights (Lan et al. 2020, "ALBERT") after they were trained apart: those of a group become
// one, their average or the first, and train further, where there are examples, to make up for it.
type share struct {
	groups int
	first  bool
}

const shareEpochs = 2

func (s share) String() string {
	if s.first {
		return "share_first=" + itoa(s.groups)
	}
	return "share=" + itoa(s.groups)
}

func (s share) Apply(ctx context.Context, m *model.Model, w *Work) (*model.Model, error) {
	have := m.Parts().Layers
	switch {
	case have == 0:
		return nil, hint.Errorf("leave the move out, or take a model of family transformer or encoder", "the move %s: a model of family %s has no layers that can share their weights", s, m.Config.Family)
	case s.groups < 1 || s.groups >= have:
		return nil, hint.Errorf(fmt.Sprintf("choose 1 to %d groups", have-1), "the move %s: the model has %d layers", s, have)
	}
	g, err := m.ShareLayers(s.groups, !s.first)
	if err != nil || w.Heal == nil {
		return g, err
	}
	return g, w.Heal(ctx, g, shareEpochs, nil)
}
