// Package wiretest is what the tests of this module share: the conversations
// of package fixtures, peers that play a script, and real peers on loopback.
//
// It imports testing, so nothing but tests may import it.
package wiretest
