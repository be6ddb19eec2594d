package main

import (
	"crypto/rand"
	"math/big"
)

// randomID returns a positive decimal number, as the upstream provider's ids are.
func randomID() string {
	n, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		panic(err)
	}
	return n.String()
}
