// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {IVotes} from "@openzeppelin/contracts/governance/utils/IVotes.sol";
import {IERC6372} from "@openzeppelin/contracts/interfaces/IERC6372.sol";

import {IIO} from "../../src/interfaces/IIO.sol";
import {IIOGovernor} from "../../src/interfaces/IIOGovernor.sol";

/// @notice IO with what it has from OpenZeppelin.
interface IVotingIO is IIO, IVotes, IERC6372 {}

/// @notice The governor with what it has from OpenZeppelin.
interface IVotingGovernor is IIOGovernor, IGovernor {
    function token() external view returns (address);

    function timelock() external view returns (address);

    function relay(address target, uint256 value, bytes calldata data) external payable;

    function updateTimelock(TimelockController newTimelock) external;
}
