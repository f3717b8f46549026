package templates

import (
	"fmt"
	"text/template/parse"
)

const (
	stepFunction    = "budget_step" // not known while templates are parsed, so that none can call it itself
	stepVariable    = "$ step"      // a name that no template can write
	operandsPerStep = 40
)

// meter inserts steps into a block, at its beginning and after every operandsPerStep operands. A step charges to the page's budget what is
// executed next.
func meter(tree *parse.Tree, n *parse.ListNode) {
	if n == nil {
		return
	}
	var metered, stretch []parse.Node
	operands := 1
	flush := func() {
		at := n.Position()
		if len(stretch) > 0 {
			at = stretch[0].Position()
		}
		metered = append(append(metered, stepNode(tree, at, operands)), stretch...)
		stretch, operands = nil, 0
	}
	for _, child := range n.Nodes {
		if b := branchOf(child); b != nil {
			meter(tree, b.List)
			meter(tree, b.ElseList)
		}
		operands += weight(child)
		stretch = append(stretch, child)
		if operands >= operandsPerStep {
			flush()
		}
	}
	if operands > 0 {
		flush()
	}
	n.Nodes = metered
}

// stepNode is {{$step := budget_step N}}. An assignment is the one action that html/template does not escape.
func stepNode(tree *parse.Tree, at parse.Pos, operands int) parse.Node {
	return &parse.ActionNode{NodeType: parse.NodeAction, Pos: at, Pipe: &parse.PipeNode{
		NodeType: parse.NodePipe, Pos: at,
		Decl: []*parse.VariableNode{{NodeType: parse.NodeVariable, Pos: at, Ident: []string{stepVariable}}},
		Cmds: []*parse.CommandNode{{NodeType: parse.NodeCommand, Pos: at, Args: []parse.Node{
			parse.NewIdentifier(stepFunction).SetPos(at).SetTree(tree),
			&parse.NumberNode{NodeType: parse.NodeNumber, Pos: at, IsInt: true, Int64: int64(operands), Text: fmt.Sprint(operands)},
		}}},
	}}
}
