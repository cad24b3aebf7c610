package data

import "bytes"

// plainLines reads plain text, a text a line; empty lines are texts too. There are no columns but the text.
type plainLines struct{ lines }

func (p *plainLines) next() (Example, error) {
	line, err := p.readLine()
	if err != nil {
		return Example{}, err
	}
	return Example{Text: string(bytes.TrimRight(line, "\r\n")), Line: p.line}, nil
}
