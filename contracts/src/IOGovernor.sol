// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Governor} from "@openzeppelin/contracts/governance/Governor.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {GovernorCountingSimple} from "@openzeppelin/contracts/governance/extensions/GovernorCountingSimple.sol";
import {GovernorTimelockControl} from "@openzeppelin/contracts/governance/extensions/GovernorTimelockControl.sol";
import {GovernorVotes} from "@openzeppelin/contracts/governance/extensions/GovernorVotes.sol";
import {IVotes} from "@openzeppelin/contracts/governance/utils/IVotes.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IIOGovernor} from "./interfaces/IIOGovernor.sol";

/// @notice Documented in IIOGovernor.
contract IOGovernor is
    IIOGovernor,
    Governor,
    GovernorCountingSimple,
    GovernorVotes,
    GovernorTimelockControl
{
    uint256 public constant INERT_SEC = 180 days;
    uint256 public constant MIN_SUPPLY = 2_000_000e18;
    uint256 public constant MIN_QUORUM = 200_000e18;
    uint256 public constant QUORUM_BPS = 400;

    uint256 private constant BPS = 10_000;

    uint256 public immutable activeFrom;

    constructor(IVotes io, TimelockController timelock_)
        Governor("IO Governor")
        GovernorVotes(io)
        GovernorTimelockControl(timelock_)
    {
        activeFrom = block.timestamp + INERT_SEC;
    }

    function propose(
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        string memory description
    ) public override returns (uint256) {
        uint256 supply = IERC20(address(token())).totalSupply();
        require(
            block.timestamp >= activeFrom && supply >= MIN_SUPPLY,
            Inert(block.timestamp, activeFrom, supply, MIN_SUPPLY)
        );
        return super.propose(targets, values, calldatas, description);
    }

    function updateTimelock(TimelockController) public pure override {
        revert TimelockFixed();
    }

    function votingDelay() public pure override returns (uint256) {
        return 2 days;
    }

    function votingPeriod() public pure override returns (uint256) {
        return 7 days;
    }

    function proposalThreshold() public pure override returns (uint256) {
        return 20_000e18;
    }

    function quorum(uint256 timepoint) public view override returns (uint256) {
        return quorumOf(token().getPastTotalSupply(timepoint));
    }

    function quorumOf(uint256 supply) public pure returns (uint256) {
        return Math.max(Math.mulDiv(supply, QUORUM_BPS, BPS, Math.Rounding.Ceil), MIN_QUORUM);
    }

    // What two of the bases define is that of the timelock's.

    function state(uint256 proposalId)
        public
        view
        override(Governor, GovernorTimelockControl)
        returns (ProposalState)
    {
        return super.state(proposalId);
    }

    function proposalNeedsQueuing(uint256 proposalId)
        public
        view
        override(Governor, GovernorTimelockControl)
        returns (bool)
    {
        return super.proposalNeedsQueuing(proposalId);
    }

    function _queueOperations(
        uint256 proposalId,
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override(Governor, GovernorTimelockControl) returns (uint48) {
        return super._queueOperations(proposalId, targets, values, calldatas, descriptionHash);
    }

    function _executeOperations(
        uint256 proposalId,
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override(Governor, GovernorTimelockControl) {
        super._executeOperations(proposalId, targets, values, calldatas, descriptionHash);
    }

    function _cancel(
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override(Governor, GovernorTimelockControl) returns (uint256) {
        return super._cancel(targets, values, calldatas, descriptionHash);
    }

    function _executor() internal view override(Governor, GovernorTimelockControl) returns (address) {
        return super._executor();
    }
}
