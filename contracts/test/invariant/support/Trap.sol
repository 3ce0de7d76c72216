// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice A payout address that goes for every contract as soon as anybody calls it.
contract Trap {
    /// @notice How often it was called. Nothing in the network calls out, so: never.
    uint256 public calls;
    address[] private _targets;

    constructor(address[] memory targets) {
        _targets = targets;
    }

    fallback() external {
        ++calls;
        for (uint256 i = 0; i < _targets.length; ++i) {
            (bool ok,) = _targets[i].call(msg.data);
            ok;
        }
    }
}
