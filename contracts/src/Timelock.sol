// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

import {ITimelock} from "./interfaces/ITimelock.sol";

/// @notice Documented in ITimelock.
contract Timelock is ITimelock, TimelockController {
    uint256 public constant MIN_DELAY = 14 days;

    uint256 private constant DEVELOPMENT_CHAIN_ID = 31337;

    constructor(uint256 delaySec, address governor)
        TimelockController(delaySec, _only(governor), _only(address(0)), address(0))
    {
        _requireLongEnough(delaySec);
    }

    function updateDelay(uint256 newDelay) public override {
        super.updateDelay(newDelay);
        _requireLongEnough(newDelay);
    }

    function grantRole(bytes32, address) public pure override {
        revert RolesAreFixed();
    }

    function revokeRole(bytes32, address) public pure override {
        revert RolesAreFixed();
    }

    function renounceRole(bytes32, address) public pure override {
        revert RolesAreFixed();
    }

    function _requireLongEnough(uint256 delaySec) private view {
        uint256 minimum = block.chainid == DEVELOPMENT_CHAIN_ID ? 0 : MIN_DELAY;
        require(delaySec >= minimum, DelayTooShort(delaySec, minimum));
    }

    function _only(address account) private pure returns (address[] memory list) {
        list = new address[](1);
        list[0] = account;
    }
}
