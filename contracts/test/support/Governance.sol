// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";

import {EpochParams, IParameters} from "../../src/interfaces/IParameters.sol";
import {Economy} from "./Economy.sol";

/// @notice One proposal, a fee of 3%, on its way through votes and timelock.
abstract contract Governance is Economy {
    uint256 internal constant INERT_SEC = 180 days;
    uint256 internal constant MIN_SUPPLY = 2_000_000e18;
    bytes32 private constant DESCRIPTION_HASH = keccak256("a fee of 3%");

    /// @dev Gives `account` so much IO and its own votes for it.
    function giveVotes(address account, uint256 amount) internal {
        giveIo(account, amount);
        delegate(account);
    }

    function delegate(address account) internal {
        vm.prank(account);
        io.delegate(account);
        pass(1);
    }

    function pass(uint256 elapsedSec) internal {
        vm.warp(vm.getBlockTimestamp() + elapsedSec);
    }

    /// @dev To the first second of governance, with the least supply that it needs; none of the new IO votes.
    function awaken() internal {
        waitUntil(governor.activeFrom());
        uint256 supply = io.totalSupply();
        if (supply < MIN_SUPPLY) giveIo(address(0xFEED), MIN_SUPPLY - supply);
    }

    function actions()
        internal
        view
        returns (address[] memory targets, uint256[] memory values, bytes[] memory calls)
    {
        targets = new address[](1);
        targets[0] = address(parameters);
        values = new uint256[](1);
        calls = new bytes[](1);
        EpochParams memory params = epochParams();
        params.feeBps = 300;
        calls[0] = abi.encodeCall(IParameters.set, (params));
    }

    function propose(address account) internal returns (uint256) {
        (address[] memory targets, uint256[] memory values, bytes[] memory calls) = actions();
        vm.prank(account);
        return governor.propose(targets, values, calls, "a fee of 3%");
    }

    function queue() internal {
        (address[] memory targets, uint256[] memory values, bytes[] memory calls) = actions();
        governor.queue(targets, values, calls, DESCRIPTION_HASH);
    }

    function execute() internal {
        (address[] memory targets, uint256[] memory values, bytes[] memory calls) = actions();
        governor.execute(targets, values, calls, DESCRIPTION_HASH);
    }

    function voteFor(uint256 proposal, address account) internal {
        vm.prank(account);
        governor.castVote(proposal, 1);
    }

    function isIn(uint256 proposal, IGovernor.ProposalState state) internal view {
        vm.assertEq(uint256(governor.state(proposal)), uint256(state));
    }
}
