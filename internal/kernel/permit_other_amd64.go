//go:build amd64 && !noasm && !linux

package kernel

// permitTiles says no: how other systems grant the tiles of AMX has not been tried.
func permitTiles() bool { return false }
