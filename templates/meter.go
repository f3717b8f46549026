package templates

import (
	"fmt"
	"text/template/parse"
)

const (
	stepFunction = "budget_step" // not known while templates are parsed, so that none can call it itself
	stepVariable = "$ step"      // no template can write that
	wordsPerStep = 40
)

// meter has a block tell its budget what it is about to execute: at its beginning, and wherever much has come together.
func meter(tree *parse.Tree, n *parse.ListNode) {
	if n == nil {
		return
	}
	var metered, stretch []parse.Node
	words := 1
	flush := func() {
		at := n.Position()
		if len(stretch) > 0 {
			at = stretch[0].Position()
		}
		metered = append(append(metered, stepNode(tree, at, words)), stretch...)
		stretch, words = nil, 0
	}
	for _, child := range n.Nodes {
		if b := branchOf(child); b != nil {
			meter(tree, b.List)
			meter(tree, b.ElseList)
		}
		words += weight(child)
		stretch = append(stretch, child)
		if words >= wordsPerStep {
			flush()
		}
	}
	if words > 0 {
		flush()
	}
	n.Nodes = metered
}

// stepNode is {{$step := budget_step N}}. An assignment is the one action that html/template does not escape.
func stepNode(tree *parse.Tree, at parse.Pos, words int) parse.Node {
	return &parse.ActionNode{NodeType: parse.NodeAction, Pos: at, Pipe: &parse.PipeNode{
		NodeType: parse.NodePipe, Pos: at,
		Decl: []*parse.VariableNode{{NodeType: parse.NodeVariable, Pos: at, Ident: []string{stepVariable}}},
		Cmds: []*parse.CommandNode{{NodeType: parse.NodeCommand, Pos: at, Args: []parse.Node{
			parse.NewIdentifier(stepFunction).SetPos(at).SetTree(tree),
			&parse.NumberNode{NodeType: parse.NodeNumber, Pos: at, IsInt: true, Int64: int64(words), Text: fmt.Sprint(words)},
		}}},
	}}
}
