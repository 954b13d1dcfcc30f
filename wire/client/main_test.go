package client

import (
	"os"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

func TestMain(m *testing.M) { os.Exit(wiretest.NoLeaks(m).Run()) }
