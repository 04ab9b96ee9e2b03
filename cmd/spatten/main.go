// Command spatten runs transformers with SpAtten's sparse attention and simulates the accelerator that runs it.
package main

func main() {}
