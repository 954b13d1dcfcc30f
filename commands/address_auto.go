package commands

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/fcgiscope/fcgiscope/wire/fpm"
	"github.com/fcgiscope/fcgiscope/wire/transport"
)

// autoTime is how long a place has to take a connection: nobody waits for the
// whole of --connect-timeout at each.
const autoTime = time.Second

// findPHP returns the first of the places at which php-fpm usually listens that
// takes a connection. It tells which, and why those before it were not taken.
func findPHP(ctx context.Context, env *Env, limit time.Duration) (transport.Addr, error) {
	if limit == 0 || limit > autoTime {
		limit = autoTime
	}
	for _, place := range fpm.Find(env.Root) {
		err := place.Err
		if err == nil {
			err = tryPlace(ctx, env, place.Addr, limit)
		}
		if cause := context.Cause(ctx); cause != nil {
			return transport.Addr{}, cause
		}
		if err == nil {
			complain(env, fmt.Sprintf("auto: took %v (%s)", place.Addr, place.From))
			return place.Addr, nil
		}
		complain(env, "auto: not "+reason(place, err))
	}
	return transport.Addr{}, withHint(connectError{errors.New("auto: nobody is at the usual places of php-fpm")},
		"is php-fpm running? listen = in its pool's file is its address")
}

// tryPlace finds out whether somebody takes connections.
func tryPlace(ctx context.Context, env *Env, a transport.Addr, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	conn, err := env.Dial(ctx, a)
	if err != nil {
		return err
	}
	return conn.Close()
}

// reason says why a place was not taken.
func reason(p fpm.Place, err error) string {
	var dial *transport.DialError
	if errors.As(err, &dial) {
		return fmt.Sprintf("%v (%s): %s", p.Addr, p.From, strings.TrimPrefix(plain(err), fmt.Sprintf("connect to %v: ", p.Addr)))
	}
	return fmt.Sprintf("%s: %s", p.From, plain(err))
}
