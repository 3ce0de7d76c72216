// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";

import {IIOSD} from "./interfaces/IIOSD.sol";

/// @notice Documented in IIOSD.
contract IOSD is IIOSD, ERC20Permit {
    address public immutable burner;
    address public immutable escrow;

    constructor(address burner_, address escrow_) ERC20("IO Stable Dollar", "IOSD") ERC20Permit("IO Stable Dollar") {
        burner = burner_;
        escrow = escrow_;
    }

    function mint(address to, uint256 amount) external {
        require(msg.sender == burner, Unauthorized(msg.sender, burner));
        _mint(to, amount);
    }

    function spend(uint256 amount) external {
        require(msg.sender == escrow, Unauthorized(msg.sender, escrow));
        _burn(msg.sender, amount);
    }

    function nonces(address owner) public view override(IERC20Permit, ERC20Permit) returns (uint256) {
        return super.nonces(owner);
    }

    /// @dev Invariant 4. Minting (from zero) and spending (to zero) have their own guards; ERC20 refuses a transfer to
    /// or from zero before this, so an unset escrow opens nothing.
    function _update(address from, address to, uint256 value) internal override {
        bool moves = from != address(0) && to != address(0);
        require(!moves || from == escrow || to == escrow, TransferRestricted(from, to, escrow));
        super._update(from, to, value);
    }
}
