// Package wiretest is what the tests of this module share: the conversations
// of package fixtures, peers that play a script, real peers on loopback, and what tests must not
// leave behind.
//
// It imports testing, so nothing but tests may import it.
package wiretest
