package pretty

import (
	"strings"

	"github.com/fatih/color"

	"github.com/fcgiscope/fcgiscope/wire"
)

// A style is what is written before and after something that is coloured:
// nothing where colours are off.
type style struct {
	on, off string
}

func (s style) append(dst []byte, what []byte) []byte {
	dst = append(dst, s.on...)
	dst = append(dst, what...)
	return append(dst, s.off...)
}

func (s style) appendString(dst []byte, what string) []byte {
	dst = append(dst, s.on...)
	dst = append(dst, what...)
	return append(dst, s.off...)
}

// A palette holds the styles of one sink. Whether they do anything is decided
// where the sink is made and never by the global state of package color.
type palette struct {
	on       bool
	toApp    style
	toServer style
	typ      style
	name     style
	value    style
	note     style
	good     style
	levels   [wire.Note + 1]style
}

func newPalette(on bool) palette {
	if !on {
		return palette{}
	}
	return palette{
		on:       true,
		toApp:    newStyle(color.FgGreen, color.Bold),
		toServer: newStyle(color.FgBlue, color.Bold),
		typ:      newStyle(color.Bold),
		name:     newStyle(color.FgCyan),
		value:    newStyle(color.FgYellow),
		note:     newStyle(color.Faint),
		good:     newStyle(color.FgGreen),
		levels: [...]style{
			wire.Must: newStyle(color.FgRed, color.Bold), wire.Should: newStyle(color.FgYellow, color.Bold), wire.Note: newStyle(color.Faint),
		},
	}
}

// newStyle takes the escape sequences from package color once, so that using
// them costs nothing.
func newStyle(attributes ...color.Attribute) style {
	c := color.New(attributes...)
	c.EnableColor()
	on, off, _ := strings.Cut(c.Sprint("|"), "|")
	return style{on, off}
}

// dir returns the style of a direction.
func (p *palette) dir(d wire.Direction) style {
	if d == wire.ToApp {
		return p.toApp
	}
	return p.toServer
}
