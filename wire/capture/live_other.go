//go:build !linux

package capture

import (
	"context"
	"errors"
)

func openLive(context.Context, string, LiveOptions) (liveReader, error) {
	return nil, errors.New("capture: capturing from an interface works on Linux only; elsewhere tcpdump can: tcpdump -w - | fcgiscope dump -")
}
